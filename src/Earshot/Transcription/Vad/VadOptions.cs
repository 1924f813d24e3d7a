namespace Earshot.Transcription;

/// <summary>
/// When a sound counts as speech, by Silero's usual names. The defaults are those for leaving silence out of a recording.
/// </summary>
public sealed record VadOptions
{
    /// <summary>The defaults for cutting a recording into windows that are transcribed at once.</summary>
    public static VadOptions Batched { get; } =
        new() { MinSilenceDuration = TimeSpan.FromMilliseconds(160), MaxSpeechDuration = TimeSpan.FromSeconds(30) };

    /// <summary>Speech begins at this probability.</summary>
    public float Threshold { get; init; } = 0.5f;

    /// <summary>Speech ends below this probability; null for 0.15 less than the threshold.</summary>
    public float? NegThreshold { get; init; }

    /// <summary>Shorter sounds are no speech.</summary>
    public TimeSpan MinSpeechDuration { get; init; }

    /// <summary>Longer speech is cut; null for no limit.</summary>
    public TimeSpan? MaxSpeechDuration { get; init; }

    /// <summary>Speech ends with a silence of this length.</summary>
    public TimeSpan MinSilenceDuration { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Silence kept on both sides of speech.</summary>
    public TimeSpan SpeechPad { get; init; } = TimeSpan.FromMilliseconds(400);

    /// <summary>Whether speech that is too long is cut at its longest pause; else at its last one. Pauses count from 98 ms on.</summary>
    public bool CutAtLongestSilence { get; init; } = true;

    internal float EndThreshold => EndThresholdOf(Threshold, NegThreshold);

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    internal void Validate()
    {
        CheckThresholds("speech detection", Threshold, NegThreshold);
        Require(MinSpeechDuration >= TimeSpan.Zero, nameof(MinSpeechDuration), "at least 0", MinSpeechDuration);
        Require(MinSilenceDuration >= TimeSpan.Zero, nameof(MinSilenceDuration), "at least 0", MinSilenceDuration);
        Require(SpeechPad >= TimeSpan.Zero && SpeechPad <= TimeSpan.FromMinutes(1), nameof(SpeechPad), "0 to 1 minute", SpeechPad);
        var least = (2 * SpeechPad) + TimeSpan.FromSeconds(0.1);
        Require(
            MaxSpeechDuration is null || MaxSpeechDuration > least, nameof(MaxSpeechDuration),
            $"more than {least}, twice the padding and 0.1 s", MaxSpeechDuration);
    }

    /// <summary>The probability below which speech ends.</summary>
    /// <param name="negThreshold">What is asked for; null for 0.15 less than where it begins.</param>
    internal static float EndThresholdOf(float threshold, float? negThreshold) => negThreshold ?? Math.Max(threshold - 0.15f, 0.01f);

    /// <param name="kind">What the options are of, in messages.</param>
    /// <exception cref="ArgumentException">A threshold is out of its range.</exception>
    internal static void CheckThresholds(string kind, float threshold, float? negThreshold)
    {
        Require(threshold is > 0 and <= 1, nameof(Threshold), "above 0 and at most 1", threshold, kind);
        Require(
            negThreshold is null || (negThreshold > 0 && negThreshold <= threshold), nameof(NegThreshold),
            "above 0 and at most the threshold", negThreshold, kind);
    }

    static void Require<T>(bool holds, string option, string expected, T got, string kind = "speech detection")
    {
        if (!holds) throw new ArgumentException($"The {kind} option {option} is {got}; expected {expected}.", option);
    }
}

/// <summary>A stretch of speech, in samples from the start of the recording.</summary>
public readonly record struct SpeechSpan(long Start, long End)
{
    public long Length => End - Start;
}
