using System.CommandLine;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Native;

namespace Earshot.Cli;

/// <summary>One run of the program: parses, runs the command, and turns every failure into a line and an exit code.</summary>
internal static class Application
{
    public static async Task<int> RunAsync(IReadOnlyList<string> args, Terminal terminal, CancellationToken cancellationToken)
    {
        var root = CommandLine.Build(terminal);
        var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        terminal.Quiet = parsed.GetValue(GlobalOptions.Quiet);
        terminal.Verbose = parsed.GetValue(GlobalOptions.Verbose);
        terminal.Colors &= !parsed.GetValue(GlobalOptions.NoColor);
        if (parsed.Action is not { ClearsParseErrors: true } && UsageErrors.Report(parsed, terminal) is { } usageError) return usageError;
        var invocation = new InvocationConfiguration
        {
            Output = terminal.Out,
            Error = terminal.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        };
        try
        {
            return await parsed.InvokeAsync(invocation, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            return Report(e, terminal, cancellationToken);
        }
    }

    static int Report(Exception exception, Terminal terminal, CancellationToken cancellationToken)
    {
        switch (exception)
        {
            case OperationCanceledException when cancellationToken.IsCancellationRequested:
                terminal.Fail("cancelled.");
                return ExitCode.Cancelled;
            case IOException when Failure.IsBrokenPipe(exception):
                return ExitCode.BrokenPipe;
            case UsageException:
                terminal.Fail(exception.Message);
                return ExitCode.Usage;
            case CheckpointException or ModelException or OnnxModelException or OnnxRuntimeException:
                terminal.Fail(exception.Message, exception);
                return ExitCode.Model;
            case EarshotException or IOException or UnauthorizedAccessException:
                terminal.Fail(exception.Message, exception);
                return ExitCode.SomeFailed;
            default:
                terminal.Fail($"unexpected {exception.GetType().Name}: {exception.Message}", exception);
                terminal.Error.WriteLine(
                    "This is a defect in Earshot, not in what you did. Please report it with the command line, " +
                    "what `earshot --version` says, and the output with --verbose added.");
                return ExitCode.Unexpected;
        }
    }
}
