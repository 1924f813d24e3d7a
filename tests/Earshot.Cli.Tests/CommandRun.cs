namespace Earshot.Cli.Tests;

/// <summary>A run of the program within the test: what it wrote, and its exit code.</summary>
internal sealed record CommandRun(int ExitCode, string Output, string Error)
{
    public static async Task<CommandRun> OfAsync(
        IReadOnlyList<string> args, Stream? input = null, CancellationToken cancellationToken = default)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var terminal = new Terminal
        {
            Out = TextWriter.Synchronized(output),
            Error = TextWriter.Synchronized(error),
            OpenInput = () => input ?? Stream.Null,
        };
        int exitCode = await Application.RunAsync(args, terminal, cancellationToken);
        return new CommandRun(exitCode, output.ToString(), error.ToString());
    }

    public static Task<CommandRun> OfAsync(params string[] args) => OfAsync((IReadOnlyList<string>)args);

    /// <summary>Checks that the run failed with a code, and said why in one line that begins with the program's name.</summary>
    public string AssertOneLine(int exitCode) => AssertOneLineAfter("Try '", exitCode);

    /// <summary>The same, beside lines with a text that were said on the way.</summary>
    public string AssertOneLineAfter(string said, int exitCode)
    {
        Assert.Equal(exitCode, ExitCode);
        var lines =
            Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.Contains(said, StringComparison.Ordinal)).ToList();
        Assert.True(lines.Count == 1, Error);
        Assert.StartsWith("earshot: ", lines[0]);
        return lines[0];
    }
}
