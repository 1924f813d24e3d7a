using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Spectre.Console;

namespace Earshot.Cli;

/// <summary>
/// Where a command reads and writes. Results go to <see cref="Out"/>, talk to <see cref="Error"/>; colours and moving
/// displays only where a terminal shows them.
/// </summary>
internal sealed class Terminal
{
    // Wide enough that tables in files and pipes do not wrap.
    const int WidthOfFiles = 160;

    // Tables are made for 80 columns; on less, lines that wrap read better than columns of single letters.
    const int LeastWidthOfTables = 80;

    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    public Func<Stream> OpenInput { get; init; } = Console.OpenStandardInput;

    public bool InputIsTerminal { get; init; }

    public bool OutIsTerminal { get; init; }

    public bool ErrorIsTerminal { get; init; }

    /// <summary>Whether terminals get colours; <c>--no-color</c>, NO_COLOR and TERM=dumb say no.</summary>
    public bool Colors { get; set; }

    /// <summary>Columns of the terminal now.</summary>
    public Func<int> Width { get; init; } = () => 80;

    public bool Quiet { get; set; }

    public bool Verbose { get; set; }

    /// <summary>The terminal of this process.</summary>
    public static Terminal OfProcess()
    {
        bool dumb = Environment.GetEnvironmentVariable("TERM") == "dumb";
        if (OperatingSystem.IsWindows()) Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        return new Terminal
        {
            Out = Console.IsOutputRedirected ? Redirected(Pipe() ?? Console.OpenStandardOutput()) : Console.Out,
            Error = Console.IsErrorRedirected ? Redirected(Console.OpenStandardError()) : Console.Error,
            InputIsTerminal = !Console.IsInputRedirected,
            OutIsTerminal = !Console.IsOutputRedirected && !dumb,
            ErrorIsTerminal = !Console.IsErrorRedirected && !dumb,
            Colors = !dumb && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")),
            Width = WidthOfConsole,
        };
    }

    /// <summary>Says what is going on; silent with <c>--quiet</c>.</summary>
    public void Say(string message)
    {
        if (!Quiet) Error.WriteLine(message);
    }

    /// <summary>Says a detail that only <c>--verbose</c> asks for.</summary>
    public void Detail(string message)
    {
        if (Verbose) Error.WriteLine(Paint(message, "2", ErrorIsTerminal));
    }

    public void Warn(string message)
    {
        if (!Quiet) Error.WriteLine($"{Paint("earshot:", "33", ErrorIsTerminal)} {message}");
    }

    /// <summary>Says what went wrong, in one line, even with <c>--quiet</c>; the stack trace follows with <c>--verbose</c>.</summary>
    public void Fail(string message, Exception? exception = null)
    {
        Error.WriteLine($"{Paint("earshot:", "1;31", ErrorIsTerminal)} {OneLine(message)}");
        if (Verbose && exception is not null) Error.WriteLine(exception);
    }

    /// <summary>Text in a style (an SGR code) where colours are shown on that terminal.</summary>
    public string Paint(string text, string style, bool onTerminal) =>
        Colors && onTerminal ? string.Create(CultureInfo.InvariantCulture, $"\e[{style}m{text}\e[0m") : text;

    /// <summary>Tables and rules on standard output.</summary>
    public IAnsiConsole OutConsole() => Spectre(Out, OutIsTerminal);

    /// <summary>Progress on standard error.</summary>
    public IAnsiConsole ErrorConsole() => Spectre(Error, ErrorIsTerminal);

    IAnsiConsole Spectre(TextWriter writer, bool isTerminal)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = isTerminal ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = isTerminal && Colors ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = isTerminal ? InteractionSupport.Yes : InteractionSupport.No,
        });
        console.Profile.Width = isTerminal ? Math.Max(Width(), LeastWidthOfTables) : WidthOfFiles;
        console.Profile.Capabilities.Unicode = true;
        return console;
    }

    /// <summary>Standard output where it is a pipe: unlike the console's stream, it tells when nobody reads any more.</summary>
    static FileStream? Pipe()
    {
        if (OperatingSystem.IsWindows()) return null;
        var stream = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        // A file has a position that it shares with other programs; the console's stream respects it.
        if (!stream.CanSeek) return stream;
        stream.Dispose();
        return null;
    }

    static StreamWriter Redirected(Stream stream) =>
        new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true };

    static int WidthOfConsole()
    {
        try
        {
            return Math.Max(Console.WindowWidth, 20);
        }
        catch (IOException)
        {
            return 80;
        }
    }

    static string OneLine(string message) => message.ReplaceLineEndings(" ");
}
