using System.Text;
using Earshot.Cli.Files;
using Earshot.Transcription;

namespace Earshot.Cli.Listening;

/// <summary>
/// Transcripts that are written as they become final: what is in a file stays in it, whatever happens to the program. Formats of one
/// object (JSON) are written at the end.
/// </summary>
internal sealed class LiveFiles : IDisposable
{
    readonly List<(StreamWriter File, TranscriptWriter Writer)> _files = [];

    /// <param name="overwrite">Whether files that are there already are replaced.</param>
    /// <exception cref="IOException">A file cannot be written, or is there already.</exception>
    public LiveFiles(IEnumerable<string> paths, bool overwrite)
    {
        try
        {
            foreach (var path in paths) _files.Add(Open(path, overwrite));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Write(Segment segment)
    {
        foreach (var (file, writer) in _files)
        {
            writer.Write(segment);
            file.Flush();
        }
    }

    public void Complete(TranscriptionInfo info)
    {
        foreach (var (file, writer) in _files)
        {
            writer.Complete(info);
            file.Flush();
        }
    }

    public void Dispose()
    {
        foreach (var (file, _) in _files) file.Dispose();
        _files.Clear();
    }

    static (StreamWriter File, TranscriptWriter Writer) Open(string path, bool overwrite)
    {
        if (!overwrite && File.Exists(path) && !OutputFile.IsDevice(path))
            throw new IOException($"'{path}' is there already; --overwrite replaces it.");
        try
        {
            var full = Path.GetFullPath(path);
            Directory.CreateDirectory(Path.GetDirectoryName(full) ?? ".");
            var file = new StreamWriter(
                new FileStream(full, FileMode.Create, FileAccess.Write, FileShare.Read),
                new UTF8Encoding(encoderShouldEmitUTF8Identifier: false))
            { NewLine = "\n" };
            var options = new TranscriptWriterOptions
            {
                JsonSegments = true,
                Recording = Path.GetFileNameWithoutExtension(path).Replace(' ', '_'),
            };
            return (file, TranscriptWriter.Create(FormatOf(path), file, options));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"cannot write '{path}': {OutputFile.Reason(e, path)}", e);
        }
    }

    // The longest ending first: one is another's end (aud.txt, txt).
    static TranscriptFormat FormatOf(string path) => Enum.GetValues<TranscriptFormat>().OrderByDescending(
        format => format.Extension().Length).FirstOrDefault(
        format => path.EndsWith($".{format.Extension()}", StringComparison.OrdinalIgnoreCase), TranscriptFormat.Text);
}
