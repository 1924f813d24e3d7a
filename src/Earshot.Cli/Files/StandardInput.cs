using System.Text;

namespace Earshot.Cli.Files;

/// <summary>Text that comes through standard input.</summary>
internal static class StandardInput
{
    /// <summary>All of it, without the line's end that programs put behind it.</summary>
    public static async Task<string> ReadAllAsync(Terminal terminal, CancellationToken cancellationToken)
    {
        using var reader = Open(terminal);
        return (await reader.ReadToEndAsync(cancellationToken).ConfigureAwait(false)).TrimEnd('\r', '\n');
    }

    public static StreamReader Open(Terminal terminal) => new(terminal.OpenInput(), Encoding.UTF8);
}
