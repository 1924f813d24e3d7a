using System.CommandLine;
using System.Text.RegularExpressions;
using Earshot.Cli.Commands;

namespace Earshot.Cli.Tests;

public partial class HelpTests
{
    public static TheoryData<string> CommandLines()
    {
        var data = new TheoryData<string>();
        foreach (var path in Paths(CommandLine.Build(Silent()), "")) data.Add(path);
        return data;
    }

    [Theory]
    [MemberData(nameof(CommandLines))]
    public async Task Help_of_each_command_reads_as_approved(string command)
    {
        var run = await CommandRun.OfAsync([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Empty(run.Error);
        Snapshot.Match(run.Output, $"help{(command.Length == 0 ? "" : $"-{command.Replace(' ', '-')}")}.txt");
    }

    [Fact]
    public void Every_command_has_examples_that_parse()
    {
        var terminal = Silent();
        var root = CommandLine.Build(terminal);
        foreach (var command in Commands(root).OfType<EarshotCommand>())
        {
            Assert.True(command.Examples.Count > 0, command.Name);
            foreach (var example in command.Examples)
            {
                var words = QuotedWords().Matches(example.CommandLine.Split('|')[0]).Select(word => word.Value.Trim('"', '\''));
                var parsed = root.Parse(
                    [.. words.SkipWhile(word => word != "earshot").Skip(1).TakeWhile(word => word is not (">" or "<"))]);
                Assert.True(parsed.Errors.Count == 0, $"{example.CommandLine}: {string.Join(" ", parsed.Errors)}");
            }
        }
    }

    [Fact]
    public async Task Version_is_told()
    {
        var run = await CommandRun.OfAsync("--version");
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Matches(@"^earshot \d+\.\d+\.\d+\S*\n$", run.Output);
    }

    [Fact]
    public async Task Without_a_command_the_help_is_shown_as_an_error()
    {
        var run = await CommandRun.OfAsync();
        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Empty(run.Output);
        Assert.Contains("Usage:", run.Error);
    }

    [Theory]
    [InlineData("transcrib x.wav", "Unknown command or argument 'transcrib'. Did you mean 'transcribe'?")]
    [InlineData("inspect --ramdom tiny", "Unknown option '--ramdom'. Did you mean '--random'?")]
    [InlineData("inspect --verbos --random tiny", "Did you mean '--verbose'?")]
    [InlineData("inspect --random tiny --rows many", "--rows is 'many'; expected a whole number from 1 to 1024.")]
    [InlineData("inspect --random", "--random")]
    public async Task A_wrong_command_line_is_one_line_and_exit_code_2(string commandLine, string expected)
    {
        var run = await CommandRun.OfAsync(commandLine.Split(' '));
        Assert.Contains(expected, run.AssertOneLine(ExitCode.Usage));
        Assert.Contains("--help'.", run.Error);
        Assert.Empty(run.Output);
    }

    [GeneratedRegex("""'[^']*'|"[^"]*"|\S+""")]
    private static partial Regex QuotedWords();

    static Terminal Silent() => new() { Out = TextWriter.Null, Error = TextWriter.Null };

    static IEnumerable<Command> Commands(Command command) => command.Subcommands.SelectMany(Commands).Prepend(command);

    static IEnumerable<string> Paths(Command command, string path) =>
        command.Subcommands.SelectMany(child => Paths(child, $"{path} {child.Name}".Trim())).Prepend(path);
}
