using Earshot.Audio;

namespace Earshot.Cli.Files;

/// <summary>A recording given on the command line: a path, or standard input.</summary>
/// <param name="Path">The path as given; <c>-</c> for standard input.</param>
internal sealed record InputFile(string Path)
{
    public const string StandardInput = "-";

    public bool IsStandardInput => Path == StandardInput;

    /// <summary>What messages call it.</summary>
    public string Label => IsStandardInput ? "standard input" : Path;

    /// <summary>The name that output files get: the file's, without its extension.</summary>
    public string Name => IsStandardInput ? "stdin" : System.IO.Path.GetFileNameWithoutExtension(Path);

    /// <summary>Opens the recording for transcribing.</summary>
    /// <exception cref="AudioFormatException">It cannot be opened, or is no recording.</exception>
    public SampleStream Open(Terminal terminal, AudioReadOptions options)
    {
        var reader = IsStandardInput ? AudioReader.Open(terminal.OpenInput(), Label, options) : AudioReader.Open(Path, options);
        try
        {
            if (options.Channel >= reader.Channels)
            {
                throw new AudioFormatException(
                    $"'{Label}' has {reader.Channels} channels, counted from 0; --channel {options.Channel} is not there.");
            }
            return new SampleStream(reader);
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The files that arguments stand for, each once, in order; a pattern that matches none is kept as a path, so that it fails by name.
    /// </summary>
    public static IReadOnlyList<InputFile> Expand(IEnumerable<string> arguments)
    {
        var files = new List<InputFile>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var argument in arguments)
        {
            IReadOnlyList<string> paths = argument != StandardInput && Glob.IsPattern(argument) && !File.Exists(argument)
                ? Glob.Expand(argument)
                : [];
            foreach (var path in paths.Count > 0 ? paths : [argument])
            {
                if (seen.Add(path == StandardInput ? path : System.IO.Path.GetFullPath(path))) files.Add(new InputFile(path));
            }
        }
        return files;
    }
}
