using System.CommandLine;
using Earshot.Cli.Commands;
using Earshot.Cli.Files;
using Earshot.Cli.Transcripts;
using Earshot.Transcription;

namespace Earshot.Cli.Options;

/// <summary>Which files are written, and how their lines are broken.</summary>
internal sealed class OutputOptionSet
{
    readonly Option<string[]?> _formats = new("--format", "-f")
    {
        Description = $"What to write; may be given several times, or with commas. One of {string.Join(", ", TranscriptFormats.Names)}, " +
            "or all (default: what --output ends in, else txt).",
        HelpName = "FORMAT",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    readonly Option<string?> _output = new("--output", "-o")
    {
        Description = "A file, a folder (ending in / or there already), a template with {name}, {ext}, {language}, {folder}, " +
            "or - for standard output. Without it, one transcript goes to standard output and several become {name}.{ext} here.",
        HelpName = "WHERE",
        Arity = ArgumentArity.ExactlyOne,
    };

    readonly Option<bool> _overwrite = OptionKinds.Flag("--overwrite", "Replace files that are there already; they are kept otherwise.");
    readonly Option<bool> _resume = OptionKinds.Flag(
        "--resume",
        "Go on where a run that was stopped had come to, with what it left in {name}.partial.resume; where there is nothing, begin.");
    readonly Option<int?> _maxLineWidth = OptionKinds.Whole("--max-line-width", "Most characters of a subtitle's line.", 1, 1000);
    readonly Option<int?> _maxLineCount = OptionKinds.Whole(
        "--max-line-count", "Most lines of a subtitle; needs --max-line-width.", 1, 100);
    readonly Option<int?> _maxWordsPerLine = OptionKinds.Whole(
        "--max-words-per-line", "Most words of a subtitle's line; not together with --max-line-count.", 1, 1000);
    readonly Option<bool> _highlightWords = OptionKinds.Flag(
        "--highlight-words", "Underline each word of srt and vtt subtitles as it is said.");

    public IReadOnlyList<OptionGroup> Groups =>
    [
        new("Output", [_formats, _output, _overwrite, _resume]),
        new(
            "Lines of subtitles (each of these turns word timestamps on)",
            [_maxLineWidth, _maxLineCount, _maxWordsPerLine, _highlightWords]),
    ];

    /// <exception cref="UsageException">An unknown format, or several transcripts for one place.</exception>
    public OutputChoice Of(ParseResult parsed, IReadOnlyList<InputFile> files, Terminal terminal)
    {
        var output = parsed.GetValue(_output);
        var formats = FormatsOf(parsed, output);
        var lines = new TranscriptWriterOptions
        {
            MaxLineWidth = parsed.GetValue(_maxLineWidth),
            MaxLineCount = parsed.GetValue(_maxLineCount),
            MaxWordsPerLine = parsed.GetValue(_maxWordsPerLine),
            HighlightWords = parsed.GetValue(_highlightWords),
        };
        if (lines.MaxLineCount is not null && lines.MaxLineWidth is null)
            throw new UsageException("--max-line-count needs --max-line-width.");
        if (lines.MaxWordsPerLine is not null && lines.MaxLineCount is not null)
            throw new UsageException("--max-words-per-line and --max-line-count exclude each other.");
        var choice = new OutputChoice(formats, parsed.GetValue(_overwrite), lines);
        var plan = OutputPlan.For(output, files, [.. formats.Select(choice.ExtensionOf)]);
        bool plain = parsed.GetResult(_formats) is null && formats[0] == TranscriptFormat.Text;
        bool resume = parsed.GetValue(_resume);
        if (resume && plan.IsStandardOutput)
            throw new UsageException("--resume goes on with files; give --output a file, a folder or a template.");
        return choice with { Plan = plan, Resume = resume, ShowsTimes = plain && plan.IsStandardOutput && terminal.OutIsTerminal };
    }

    List<TranscriptFormat> FormatsOf(ParseResult parsed, string? output)
    {
        var names = parsed.GetValue(_formats) ?? [];
        if (names.Length == 0) return [output is null ? TranscriptFormat.Text : ByExtension(Path.GetExtension(output).TrimStart('.'))];
        var formats = new List<TranscriptFormat>();
        foreach (var name in names.SelectMany(value => value.Split(',', StringSplitOptions.TrimEntries)))
        {
            IEnumerable<TranscriptFormat> meant = name.Equals("all", StringComparison.OrdinalIgnoreCase)
                ? Enum.GetValues<TranscriptFormat>()
                : [ByName(name)];
            formats.AddRange(meant.Where(format => !formats.Contains(format)));
        }
        return formats;
    }

    static TranscriptFormat ByExtension(string extension) =>
        Enum.GetValues<TranscriptFormat>()
            .FirstOrDefault(format => format.Extension().Equals(extension, StringComparison.OrdinalIgnoreCase), TranscriptFormat.Text);

    static TranscriptFormat ByName(string name)
    {
        try
        {
            return TranscriptFormats.Parse(name);
        }
        catch (ArgumentException)
        {
            throw new UsageException($"--format is '{name}'; expected one of {string.Join(", ", TranscriptFormats.Names)}, or all.");
        }
    }
}
