using System.CommandLine;
using System.CommandLine.Parsing;
using Earshot.Tokenizers;

namespace Earshot.Cli;

/// <summary>Says what is wrong with a command line: each error once, what was probably meant, and where help is.</summary>
internal static class UsageErrors
{
    /// <summary>Reports what is wrong and returns the exit code for it; null where nothing is.</summary>
    public static int? Report(ParseResult parsed, Terminal terminal)
    {
        var unknown = UnknownOption(parsed) ?? (parsed.UnmatchedTokens is [var first, ..] ? first : null);
        if (unknown is null && parsed.Errors.Count == 0) return null;
        var messages = unknown is null
            ? parsed.Errors.Select(error => error.Message).Distinct().Take(5)
            : [$"Unknown {(unknown.StartsWith('-') ? "option" : "command or argument")} '{unknown}'.{Suggestion(parsed, unknown)}"];
        foreach (var message in messages) terminal.Fail(message);
        terminal.Error.WriteLine($"Try '{PathOf(parsed.CommandResult)} --help'.");
        return ExitCode.Usage;
    }

    /// <summary>The names from the program to the command, as one types them.</summary>
    public static string PathOf(CommandResult result) =>
        result.Parent is CommandResult parent ? $"{PathOf(parent)} {result.Command.Name}" : "earshot";

    /// <summary>
    /// A misspelt option that was taken for a file: it begins with a dash, stands before any <c>--</c>, and no such file exists.
    /// </summary>
    static string? UnknownOption(ParseResult parsed)
    {
        var arguments = parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens).ToHashSet();
        return parsed.Tokens
            .TakeWhile(token => token.Type != TokenType.DoubleDash)
            .FirstOrDefault(
                token => arguments.Contains(token) && token.Value.Length > 1 && token.Value[0] == '-' && !Path.Exists(token.Value))?.Value;
    }

    static string Suggestion(ParseResult parsed, string token)
    {
        var command = parsed.CommandResult.Command;
        var names = command.Subcommands.Select(child => child.Name);
        for (SymbolResult? level = parsed.CommandResult; level is CommandResult { Command: var owner }; level = level.Parent)
        {
            names = names.Concat(owner.Options.Where(option => owner == command || option.Recursive).Select(option => option.Name));
        }
        if (token.Length > 64) return "";
        var best = names.MinBy(name => EditDistance.OfText(token, name));
        return best is not null && EditDistance.OfText(token, best) <= Math.Max(2, token.Length / 4) ? $" Did you mean '{best}'?" : "";
    }
}
