using System.CommandLine;
using Earshot.Cli.Commands;
using Earshot.Decoding;
using Earshot.Live;
using Earshot.Recognition;
using Earshot.Tokenizers;
using Earshot.Transcription;

namespace Earshot.Cli.Options;

/// <summary>How live sound is heard: the options that become <see cref="LiveOptions"/>.</summary>
internal sealed class LiveOptionSet
{
    readonly Option<int?> _latency = OptionKinds.Whole(
        "--latency", "Milliseconds that words may come behind speech; chooses the policy (default 400).", 1, 60_000);
    readonly Option<string?> _policy = OptionKinds.Choice(
        "--policy", "When words are final, instead of --latency: see docs/live.md.", [.. LivePolicies.Names]);
    readonly Option<TimeSpan?> _step = OptionKinds.Seconds("--step", "Sound between two hearings (default: the policy's).");
    readonly Option<string?> _language = OptionKinds.Text(
        "--language", "LANGUAGE", "The language spoken, by code (de) or English name; heard from the sound where not given.");
    readonly Option<string?> _task = OptionKinds.Choice(
        "--task", "Write down what is said, or its English translation (default transcribe).", "transcribe", "translate");
    readonly Option<string?> _prompt = OptionKinds.Text(
        "--initial-prompt", "TEXT", "Text as if said before: names, spelling, style.");
    readonly Option<string?> _vad = OptionKinds.Choice(
        "--vad", "What tells speech: silero's model, or energy, loudness alone (default silero).", "silero", "energy");
    readonly Option<double?> _threshold = OptionKinds.Number(
        "--vad-threshold", "Speech begins at this probability (default 0.5), or with energy at this loudness (default 0.01).", 0.0001, 1);
    readonly Option<int?> _hangover = OptionKinds.Whole(
        "--hangover", "Milliseconds of silence that end a turn (default 500).", 50, 60_000);

    readonly Option<string?> _endOfTurn = OptionKinds.Choice(
        "--end-of-turn", "What ends a turn: silence alone, or how it sounds and reads as well, by a model in the box (default silence).",
        "silence", "semantic");

    public IReadOnlyList<OptionGroup> Groups =>
    [
        new("Speech", [_language, _task, _prompt]),
        new("Live", [_latency, _policy, _step, _vad, _threshold, _hangover, _endOfTurn]),
    ];

    /// <summary>Whether a model is asked for the end of turns.</summary>
    public bool AsksForEndOfTurn(ParseResult parsed) => parsed.GetValue(_endOfTurn) == "semantic";

    /// <exception cref="UsageException">An unknown language, or options that exclude each other.</exception>
    public LiveOptions Of(ParseResult parsed, bool isRealTime)
    {
        var options = new LiveOptions
        {
            Policy = PolicyOf(parsed),
            Prompt = parsed.GetValue(_prompt),
            Recognition = new RecognitionOptions
            {
                Language = LanguageOf(parsed),
                Task = parsed.GetValue(_task) == "translate" ? SpeechTask.Translate : SpeechTask.Transcribe,
            },
            Turns = TurnsOf(parsed),
            // A microphone does not wait: ten minutes of its sound may.
            MostWaiting = isRealTime ? TimeSpan.FromMinutes(10) : TimeSpan.FromSeconds(5),
            Paces = isRealTime ? null : [],
        };
        return parsed.GetValue(_vad) == "energy"
            ? options with { SpeechDetector = () => new EnergySpeechDetector(parsed.GetValue(_threshold) ?? 0.01) }
            : options;
    }

    TurnOptions TurnsOf(ParseResult parsed)
    {
        var turns = new TurnOptions();
        if (parsed.GetValue(_hangover) is { } hangover) turns = turns with { Hangover = TimeSpan.FromMilliseconds(hangover) };
        return parsed.GetValue(_threshold) is { } threshold && parsed.GetValue(_vad) != "energy"
            ? turns with { Threshold = (float)threshold }
            : turns;
    }

    LivePolicy PolicyOf(ParseResult parsed)
    {
        if (parsed.GetValue(_policy) is not null && parsed.GetValue(_latency) is not null)
            throw new UsageException("--policy and --latency exclude each other; --latency chooses a policy.");
        var policy = parsed.GetValue(_policy) is { } name ? LivePolicies.Of(name) : LivePolicy.ForLatency(parsed.GetValue(_latency) ?? 400);
        return parsed.GetValue(_step) is { } step ? LivePolicies.WithStep(policy, step) : policy;
    }

    string? LanguageOf(ParseResult parsed)
    {
        var language = parsed.GetValue(_language);
        if (language is null || language.Equals("auto", StringComparison.OrdinalIgnoreCase)) return null;
        try
        {
            return WhisperLanguages.Parse(language);
        }
        catch (ModelException e)
        {
            throw new UsageException(e.Message);
        }
    }
}
