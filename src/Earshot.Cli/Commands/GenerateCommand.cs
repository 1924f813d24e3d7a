using System.CommandLine;
using System.Text;
using System.Text.Json;
using Earshot.Cli.Files;
using Earshot.Cli.Models;
using Earshot.Cli.Options;
using Earshot.Decoding;
using Earshot.TextGeneration;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot generate</c>: a language model continues a text.</summary>
internal sealed class GenerateCommand : EarshotCommand
{
    readonly GenerationOptionSet _options = new();
    readonly Argument<string> _prompt = new("prompt")
    {
        HelpName = "PROMPT",
        Description = "The text to continue, as it stands; - reads it from standard input.",
    };

    readonly Option<bool> _json = OptionKinds.Flag("--json", "Print a JSON object with the text and what it took, once it is whole.");

    readonly Option<int?> _logprobs = OptionKinds.Whole(
        "--logprobs", "With --json, each token with its log-probability, and so many of the likeliest beside it.", 0, 20);

    public GenerateCommand(Terminal terminal) : base(
        "generate", "Continue a text with a language model, as the text comes. For questions and answers, see chat.", terminal)
    {
        Add(_options.Model);
        Add(_prompt);
        AddGroup("Output", _json, _logprobs);
        AddGroups([_options.Generation, _options.Form, _options.Loading(chats: false)]);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot generate SmolLM2-135M-Instruct.Q4_1.gguf \"Once upon a time\" --max-tokens 60", "Sixty tokens of a tale."),
        new("earshot generate ./Qwen2.5-1.5B - --temperature 0.7 --seed 1 --stop \"###\"", "Continues standard input, up to ###."),
        new("earshot generate Qwen/Qwen2.5-0.5B \"1, 2, 3,\" --json", "Text, reason and counts, for a program."),
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        bool json = parsed.GetValue(_json);
        var logprobs = parsed.GetValue(_logprobs);
        if (logprobs is not null && !json) throw new UsageException("--logprobs are told with --json.");
        _options.GrammarOf(parsed);
        using var model = await LanguageModelLoader.LoadAsync(
            parsed.GetRequiredValue(_options.Model), _options.LoadingOf(parsed), Terminal, cancellationToken, _options.OnnxOf(parsed))
            .ConfigureAwait(false);
        var prompt = parsed.GetRequiredValue(_prompt);
        if (prompt == "-") prompt = await StandardInput.ReadAllAsync(Terminal, cancellationToken).ConfigureAwait(false);
        var options = _options.Of(parsed, model) with { TopLogprobs = logprobs };
        var (text, tokens) = (new StringBuilder(), new List<GeneratedToken>());
        await foreach (var piece in model.GenerateAsync(prompt, options, cancellationToken).ConfigureAwait(false))
        {
            tokens.AddRange(piece.Tokens);
            if (json) text.Append(piece.Text);
            else await Terminal.Out.WriteAsync(piece.Text.AsMemory(), cancellationToken).ConfigureAwait(false);
            if (piece.End is not { } end) continue;
            var report = Report(text.ToString(), end, logprobs is null ? null : tokens);
            Terminal.Out.WriteLine(json ? JsonSerializer.Serialize(report, CliJson.OneLine.GenerationReport) : "");
            Terminal.Detail($"{end.PromptTokens} tokens of prompt, {end.Tokens} generated; seed {end.Seed}; ended by {Word(end.Reason)}.");
        }
        return ExitCode.Ok;
    }

    static GenerationReport Report(string text, GenerationEnd end, IReadOnlyList<GeneratedToken>? tokens) =>
        new(text, Word(end.Reason), end.PromptTokens, end.Tokens, end.Seed, end.StopString, tokens?.Select(Report).ToList());

    static TokenReport Report(GeneratedToken token) => new(
        token.Id, Encoding.UTF8.GetString(token.Bytes.Span), [.. token.Bytes.ToArray().Select(b => (int)b)], token.Logprob,
        [.. token.Top.Select(other => new LikelyTokenReport(other.Id, Encoding.UTF8.GetString(other.Bytes.Span), other.Logprob))]);

    static string Word(FinishReason reason) => reason == FinishReason.Stop ? "stop" : "length";
}

/// <summary>A generated text as <c>generate --json</c> prints it.</summary>
/// <param name="Finish"><c>stop</c> or <c>length</c>.</param>
internal sealed record GenerationReport(
    string Text, string Finish, int PromptTokens, int Tokens, ulong Seed, string? StopString, IReadOnlyList<TokenReport>? Logprobs);

/// <summary>A generated token: its text, where it is whole characters, and its bytes.</summary>
internal sealed record TokenReport(
    int Id, string Text, IReadOnlyList<int> Bytes, float Logprob, IReadOnlyList<LikelyTokenReport> Top);

/// <summary>A token that might have come in its place.</summary>
internal sealed record LikelyTokenReport(int Id, string Text, float Logprob);
