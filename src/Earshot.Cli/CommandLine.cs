using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Reflection;
using Earshot.Cli.Commands;

namespace Earshot.Cli;

/// <summary>The whole command line. A new command is a class in Commands/ and a line here.</summary>
internal static class CommandLine
{
    public static RootCommand Build(Terminal terminal)
    {
        var root = new RootCommand(
            "Speech understanding on your own machine: transcribe, translate, talk with language models, and look inside models.")
        {
            new TranscribeCommand(terminal),
            new TranslateCommand(terminal),
            new AlignCommand(terminal),
            new ListenCommand(terminal),
            new DetectLanguageCommand(terminal),
            new GenerateCommand(terminal),
            new ChatCommand(terminal),
            new ModelsCommand(terminal),
            new InspectCommand(terminal),
            new QuantizeCommand(terminal),
            new ExportCommand(terminal),
            new OptimizeCommand(terminal),
            new BenchCommand(terminal),
            new EvalCommand(terminal),
            GlobalOptions.Quiet,
            GlobalOptions.Verbose,
            GlobalOptions.NoColor,
        };
        foreach (var option in root.Options)
        {
            if (option is HelpOption)
            {
                option.Action = new HelpAction(terminal);
                option.Description = "Show this help.";
            }
            if (option is VersionOption)
            {
                option.Action = new VersionAction(terminal);
                option.Description = "Show the version.";
            }
        }
        root.SetAction(_ =>
        {
            HelpWriter.Write(root, terminal, terminal.Error);
            return ExitCode.Usage;
        });
        return root;
    }

    /// <summary>The version that this program was built as.</summary>
    public static string Version { get; } =
        typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    sealed class VersionAction(Terminal terminal) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            terminal.Out.WriteLine($"earshot {Version}");
            return ExitCode.Ok;
        }
    }
}

/// <summary><c>--help</c> of any command.</summary>
internal sealed class HelpAction(Terminal terminal) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        HelpWriter.Write(parseResult.CommandResult.Command, terminal, terminal.Out);
        return ExitCode.Ok;
    }
}
