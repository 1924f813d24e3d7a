using System.CommandLine;
using System.CommandLine.Parsing;
using Earshot.Cli.Models;
using Earshot.Cli.Options;
using Earshot.Transcription;

namespace Earshot.Cli.Evaluation;

/// <summary>A way to transcribe that is evaluated: a name, and options as one would give them to <c>transcribe</c>.</summary>
/// <param name="Name">Empty where nothing was named.</param>
/// <param name="Arguments">The options and their values.</param>
internal sealed record EvalSetting(string Name, IReadOnlyList<string> Arguments)
{
    /// <summary>Understands <c>NAME: OPTIONS</c>, such as <c>greedy: --beam-size 1</c>.</summary>
    /// <exception cref="UsageException">There is no name.</exception>
    public static EvalSetting Parse(string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        var name = colon < 0 ? "" : text[..colon].Trim();
        if (name.Length == 0 || name.StartsWith('-'))
            throw new UsageException($"--setting is '{text}'; expected a name, a colon and options, such as 'greedy: --beam-size 1'.");
        return new EvalSetting(name, [.. CommandLineParser.SplitCommandLine(text[(colon + 1)..])]);
    }
}

/// <summary>What a setting amounts to.</summary>
internal sealed record EvalChoice
{
    public required string Model { get; init; }

    public required LoadOptions Loading { get; init; }

    public required TranscriptionOptions Transcription { get; init; }

    /// <summary>The options in a fixed order, by which a run knows whether it is the same.</summary>
    public required string Settings { get; init; }
}

/// <summary>The options of a setting: those of <c>transcribe</c> that say with what and how, not where to.</summary>
internal sealed class EvalOptionSet
{
    readonly ModelOptions _model = new();
    readonly DecodingOptionSet _decoding = new();
    readonly PartsOptionSet _parts = new();

    public IReadOnlyList<Commands.OptionGroup> Groups => [_model.Group, .. _decoding.Groups, _parts.Group];

    /// <summary>The options given in a command line, as arguments.</summary>
    public IReadOnlyList<(string Name, string[] Values)> Given(ParseResult parsed) => [.. Groups
        .SelectMany(group => group.Options)
        .Select(option => (option.Name, Result: parsed.GetResult(option)))
        .Where(option => option.Result is { Implicit: false })
        .Select(option => (option.Name, option.Result!.Tokens.Select(token => token.Value).ToArray()))];

    /// <summary>What a setting amounts to, over options given for all settings: its own take their place.</summary>
    /// <exception cref="UsageException">An option is unknown or wrong.</exception>
    public static EvalChoice Choose(EvalSetting setting, string? model, IReadOnlyList<(string Name, string[] Values)> common)
    {
        var set = new EvalOptionSet();
        var command = new Command("setting");
        foreach (var option in set.Groups.SelectMany(group => group.Options)) command.Add(option);
        var own = set.Given(Parsed(command, setting, setting.Arguments)).Select(option => option.Name).ToHashSet();
        if (model is not null && !own.Contains("--model"))
            common = [.. common.Where(option => option.Name != "--model"), ("--model", [model])];
        string[] inherited =
        [
            .. common.Where(option => !own.Contains(option.Name)).SelectMany(option => (string[])[option.Name, .. option.Values])
        ];
        var parsed = Parsed(command, setting, [.. inherited, .. setting.Arguments]);
        var settings = set.Given(parsed).Where(option => option.Name != "--model").OrderBy(option => option.Name, StringComparer.Ordinal);
        var transcription = set._parts.Apply(parsed, set._decoding.Of(parsed));
        if (transcription.EachChannel)
        {
            throw new UsageException(
                $"the setting '{setting.Name}' has --channel all; a clip is scored as one text, so choose a channel or their mix.");
        }
        return new EvalChoice
        {
            Model = set._model.NameOf(parsed),
            Loading = set._decoding.WithDraft(parsed, set._model.Of(parsed)),
            Transcription = transcription,
            Settings = string.Join(' ', settings.SelectMany(option => (string[])[option.Name, .. option.Values])),
        };
    }

    static ParseResult Parsed(Command command, EvalSetting setting, IReadOnlyList<string> arguments)
    {
        var parsed = command.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.UnmatchedTokens is [var unknown, ..])
            throw new UsageException($"the setting '{setting.Name}' has '{unknown}', which is no option of transcribe's that says how to.");
        return parsed.Errors is [var error, ..] ? throw new UsageException($"the setting '{setting.Name}': {error.Message}") : parsed;
    }
}
