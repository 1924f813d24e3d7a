using System.CommandLine;
using Earshot.Cli.Commands;

namespace Earshot.Cli;

/// <summary>Help as text: usage, what a command does, examples, then options by group.</summary>
internal static class HelpWriter
{
    const int NameColumn = 34;

    public static void Write(Command command, Terminal terminal, TextWriter output)
    {
        bool onTerminal = ReferenceEquals(output, terminal.Out) ? terminal.OutIsTerminal : terminal.ErrorIsTerminal;
        var page = new Page(
            output, onTerminal ? Math.Clamp(terminal.Width(), 60, 120) : 100, title => terminal.Paint(title, "1", onTerminal));
        page.Paragraph(command.Description ?? "");
        page.Title("Usage");
        page.Line($"  {Usage(command)}");
        if (command is EarshotCommand { Examples: { Count: > 0 } examples })
        {
            page.Title("Examples");
            foreach (var example in examples) page.Example(example);
        }
        if (command.Subcommands.Count > 0)
        {
            page.Title("Commands");
            foreach (var child in command.Subcommands.Where(child => !child.Hidden))
                page.Row($"  {child.Name}", FirstSentence(child.Description ?? ""));
        }
        if (command.Arguments.Count > 0)
        {
            page.Title("Arguments");
            foreach (var argument in command.Arguments) page.Row($"  {argument.HelpName ?? argument.Name}", argument.Description);
        }
        WriteOptions(command, page);
        if (command is RootCommand) WriteConventions(page);
    }

    static void WriteOptions(Command command, Page page)
    {
        var groups = (command as EarshotCommand)?.Groups ?? [];
        foreach (var group in groups) page.Options(group.Title, group.Options);
        var grouped = groups.SelectMany(group => group.Options).ToHashSet();
        page.Options("Options", [.. command.Options.Where(option => !option.Hidden && !grouped.Contains(option)), .. Inherited(command)]);
    }

    static void WriteConventions(Page page)
    {
        page.Title("Exit codes");
        page.Row("  0", "All went well.");
        page.Row("  1", "Some file could not be read, transcribed or written; the others were. Or an export was refused.");
        page.Row("  2", "The command line is wrong; nothing was done.");
        page.Row("  3", "The model could not be found, downloaded or loaded, or cannot do what was asked.");
        page.Row("  70", "A defect in Earshot.");
        page.Row("  130", "Cancelled with Ctrl-C (143: by SIGTERM).");
        page.Title("Environment");
        page.Row("  EARSHOT_MODEL", "The model to use where no --model is given.");
        page.Row("  EARSHOT_ISA", "The most that kernels may use of the processor, as --isa.");
        page.Row("  EARSHOT_ONNXRUNTIME", "ONNX Runtime's library, or its folder, for --device.");
        page.Row("  NO_COLOR", "Set to anything: no colours.");
        page.Line("");
        page.Paragraph("Results go to standard output, everything else to standard error. `earshot COMMAND --help` tells about a command.");
    }

    static string FirstSentence(string text)
    {
        int end = text.IndexOf(". ", StringComparison.Ordinal);
        return end < 0 ? text : text[..(end + 1)];
    }

    static IEnumerable<Option> Inherited(Command command) =>
        command.Parents.OfType<Command>()
            .SelectMany(parent => parent.Options.Where(option => option.Recursive && !option.Hidden).Concat(Inherited(parent)));

    static string Usage(Command command)
    {
        var words = new List<string>();
        for (var level = command; level is not null; level = level.Parents.OfType<Command>().FirstOrDefault())
        {
            words.Insert(0, level is RootCommand ? "earshot" : level.Name);
        }
        if (command.Subcommands.Count > 0) words.Add(command.Arguments.Count > 0 ? "[COMMAND]" : "COMMAND");
        foreach (var argument in command.Arguments)
        {
            var name = argument.HelpName ?? argument.Name;
            if (argument.Arity.MaximumNumberOfValues > 1) name += "...";
            words.Add(argument.Arity.MinimumNumberOfValues == 0 ? $"[{name}]" : name);
        }
        words.Add("[options]");
        return string.Join(' ', words);
    }

    /// <summary>Lines of text in two columns.</summary>
    sealed class Page(TextWriter output, int width, Func<string, string> paint)
    {
        public void Line(string text) => output.WriteLine(text);

        public void Title(string title)
        {
            output.WriteLine();
            output.WriteLine(paint($"{title}:"));
        }

        public void Paragraph(string text)
        {
            foreach (var line in Wrap(text, width)) output.WriteLine(line);
        }

        public void Example(Example example)
        {
            output.WriteLine($"  {example.CommandLine}");
            foreach (var line in Wrap(example.Effect, width - 6)) output.WriteLine($"      {line}");
        }

        public void Options(string title, IReadOnlyList<Option> options)
        {
            if (options.Count == 0) return;
            Title(title);
            foreach (var option in options) Row(Names(option), option.Description);
        }

        public void Row(string name, string? text)
        {
            var column = Math.Min(NameColumn, width / 2);
            var lines = Wrap(text ?? "", width - column);
            if (name.Length + 2 > column) output.WriteLine(name);
            else output.WriteLine($"{name.PadRight(column)}{lines[0]}".TrimEnd());
            foreach (var line in name.Length + 2 > column ? lines : lines.Skip(1)) output.WriteLine($"{new string(' ', column)}{line}");
        }

        static string Names(Option option)
        {
            var brief = option.Aliases.FirstOrDefault(alias => alias.Length == 2 && alias != "-?");
            var value = option.HelpName is { } name ? $" {name}" : "";
            return brief is null ? $"      {option.Name}{value}" : $"  {brief}, {option.Name}{value}";
        }

        static List<string> Wrap(string text, int width)
        {
            var lines = new List<string>();
            var line = "";
            foreach (var word in text.Split(' '))
            {
                if (line.Length > 0 && line.Length + 1 + word.Length > width)
                {
                    lines.Add(line);
                    line = "";
                }
                line = line.Length == 0 ? word : $"{line} {word}";
            }
            lines.Add(line);
            return lines;
        }
    }
}
