using Earshot.Recognition;
using Earshot.Transcription;

namespace Earshot.Live;

/// <summary>How a stream is heard. The defaults aim at words 400 ms after they were said.</summary>
public sealed record LiveOptions
{
    /// <summary>When the stream is heard, and which words are settled then.</summary>
    public LivePolicy Policy { get; init; } = new AlignAtt();

    /// <summary>When somebody speaks, and when that has ended.</summary>
    public TurnOptions Turns { get; init; } = new();

    /// <summary>The language, the task, and how tokens are searched and judged.</summary>
    public RecognitionOptions Recognition { get; init; } = new();

    /// <summary>Makes the stream's speech detector; null for Silero's.</summary>
    public Func<ISpeechDetector>? SpeechDetector { get; init; }

    /// <summary>Is asked early in a pause whether the speaker has finished; null: silence alone decides.</summary>
    public IEndOfTurn? EndOfTurn { get; init; }

    /// <summary>Words to expect, or text that was said before.</summary>
    public string? Prompt { get; init; }

    /// <summary>Most tokens of what was said before that the next hearing is prompted with; 0 for none.</summary>
    public int ContextTokens { get; init; } = 96;

    /// <summary>Silence encoded behind the sound: with less models find no end, with more each hearing takes longer.</summary>
    public TimeSpan SilenceBehind { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Sound that may wait to be heard; whoever brings more waits, or is refused.</summary>
    public TimeSpan MostWaiting { get; init; } = TimeSpan.FromSeconds(60);

    public LiveOverflow Overflow { get; init; }

    /// <summary>Lag at which the stream is heard less often; it goes back to the full pace below a quarter of it.</summary>
    public TimeSpan MostLag { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// What is said is final when no sound has come for this long, by the clock, though nobody closed the stream; null: it waits.
    /// </summary>
    public TimeSpan? Stall { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Paces from places in the sound on, in samples at 16 kHz, in place of what the lag says: those of a stream that was degraded give
    /// its finals once more, and none at all is the full pace, for sound that comes faster than it was said.
    /// </summary>
    public IReadOnlyList<(long Position, LivePace Pace)>? Paces { get; init; }

    /// <summary>The clock, for the stall and for the time that computing takes.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    internal void Validate()
    {
        Policy.Validate();
        Turns.Validate();
        Recognition.Validate();
        Require(ContextTokens is >= 0 and <= 223, nameof(ContextTokens), "0 to 223", ContextTokens);
        Require(
            SilenceBehind >= TimeSpan.Zero && SilenceBehind <= TimeSpan.FromSeconds(30), nameof(SilenceBehind), "0 to 30 s", SilenceBehind);
        Require(MostWaiting >= TimeSpan.FromSeconds(1), nameof(MostWaiting), "at least 1 s", MostWaiting);
        Require(MostLag >= TimeSpan.FromMilliseconds(100), nameof(MostLag), "at least 0.1 s", MostLag);
        Require(Stall is null || Stall > TimeSpan.Zero, nameof(Stall), "above 0", Stall);
    }

    static void Require<T>(bool holds, string option, string expected, T got)
    {
        if (!holds) throw new ArgumentException($"The live option {option} is {got}; expected {expected}.", option);
    }
}

/// <summary>What happens to sound for which there is no room.</summary>
public enum LiveOverflow
{
    /// <summary>Whoever brings it waits.</summary>
    Wait,

    /// <summary>It is refused with an <see cref="OverloadedException"/>.</summary>
    Refuse,
}

/// <summary>When somebody speaks. In brackets the names that OpenAI's realtime interface has for it.</summary>
public sealed record TurnOptions
{
    /// <summary>Speech begins at this probability (<c>threshold</c>).</summary>
    public float Threshold { get; init; } = 0.5f;

    /// <summary>Speech ends below this probability; null for 0.15 less than the threshold.</summary>
    public float? NegThreshold { get; init; }

    /// <summary>Shorter sounds are no speech.</summary>
    public TimeSpan MinSpeech { get; init; } = TimeSpan.FromMilliseconds(64);

    /// <summary>Sound before the speech that is heard with it (<c>prefix_padding_ms</c>).</summary>
    public TimeSpan PreRoll { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>Speech has ended with a silence of this length (<c>silence_duration_ms</c>).</summary>
    public TimeSpan Hangover { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>A silence of this length may be the end: what was said is heard then, so that it is known when the end is sure.</summary>
    public TimeSpan EarlyLook { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Where whole turns are heard, a longer one is cut at its longest pause.</summary>
    public TimeSpan Longest { get; init; } = TimeSpan.FromSeconds(25);

    internal float EndThreshold => VadOptions.EndThresholdOf(Threshold, NegThreshold);

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    internal void Validate()
    {
        VadOptions.CheckThresholds("turn", Threshold, NegThreshold);
        Require(MinSpeech >= TimeSpan.Zero && MinSpeech <= TimeSpan.FromSeconds(5), nameof(MinSpeech), "0 to 5 s", MinSpeech);
        Require(PreRoll >= TimeSpan.Zero && PreRoll <= TimeSpan.FromSeconds(3), nameof(PreRoll), "0 to 3 s", PreRoll);
        Require(Hangover > TimeSpan.Zero && Hangover <= TimeSpan.FromMinutes(1), nameof(Hangover), "above 0, at most 1 minute", Hangover);
        Require(EarlyLook > TimeSpan.Zero, nameof(EarlyLook), "above 0", EarlyLook);
        Require(Longest >= TimeSpan.FromSeconds(2) && Longest <= TimeSpan.FromSeconds(28), nameof(Longest), "2 to 28 s", Longest);
    }

    static void Require<T>(bool holds, string option, string expected, T got)
    {
        if (!holds) throw new ArgumentException($"The turn option {option} is {got}; expected {expected}.", option);
    }
}
