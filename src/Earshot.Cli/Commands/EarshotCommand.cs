using System.CommandLine;

namespace Earshot.Cli.Commands;

/// <summary>Options that belong together, under a title in the help.</summary>
internal sealed record OptionGroup(string Title, IReadOnlyList<Option> Options);

/// <summary>A command line that works as it stands, and what it does.</summary>
internal sealed record Example(string CommandLine, string Effect);

/// <summary>
/// A command: its arguments, its options in groups, examples for its help, and <see cref="RunAsync"/>. Failures are thrown
/// as exceptions; <see cref="Application"/> turns them into messages and exit codes.
/// </summary>
internal abstract class EarshotCommand : Command
{
    readonly List<OptionGroup> _groups = [];

    protected EarshotCommand(string name, string description, Terminal terminal) : base(name, description)
    {
        Terminal = terminal;
        SetAction(RunAsync);
    }

    public IReadOnlyList<OptionGroup> Groups => _groups;

    public virtual IReadOnlyList<Example> Examples => [];

    protected Terminal Terminal { get; }

    /// <summary>Does the work and returns an <see cref="ExitCode"/>.</summary>
    protected abstract Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken);

    protected void AddGroup(string title, params IReadOnlyList<Option> options) => AddGroups([new OptionGroup(title, options)]);

    protected void AddGroups(IReadOnlyList<OptionGroup> groups)
    {
        foreach (var option in groups.SelectMany(group => group.Options)) Add(option);
        _groups.AddRange(groups);
    }
}
