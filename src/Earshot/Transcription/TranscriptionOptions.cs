using Earshot.Audio;
using Earshot.Recognition;

namespace Earshot.Transcription;

/// <summary>A part of a recording; without an end it goes on to the recording's end.</summary>
public readonly record struct ClipRange(TimeSpan Start, TimeSpan? End = null);

/// <summary>How to transcribe a recording: what its windows are recognised with, and how they follow each other.</summary>
public sealed record TranscriptionOptions : RecognitionOptions
{
    /// <summary>
    /// How a file or stream is read that the transcriber opens itself: which channel, whether damage is refused, who is told of it.
    /// </summary>
    public AudioReadOptions Audio { get; init; } = new();

    /// <summary>Whether each window's text is the next one's prompt: consistent names and style, at the risk of loops.</summary>
    public bool ConditionOnPreviousText { get; init; } = true;

    /// <summary>A window decoded at a higher temperature is no prompt.</summary>
    public float PromptResetOnTemperature { get; init; } = 0.5f;

    /// <summary>Text as if said before the recording: names, spelling, style.</summary>
    public string? InitialPrompt { get; init; }

    /// <summary>Whether every window gets the initial prompt, not the first alone.</summary>
    public bool CarryInitialPrompt { get; init; }

    /// <summary>Text that the first window's transcript begins with.</summary>
    public string? Prefix { get; init; }

    /// <summary>
    /// Whether each window's language is detected anew, for recordings in several languages; without effect where the language is given.
    /// </summary>
    public bool DetectLanguageEachWindow { get; init; }

    /// <summary>Parts to transcribe, in order and without overlap; empty for all.</summary>
    public IReadOnlyList<ClipRange> ClipRanges { get; init; } = [];

    /// <summary>Silence longer than this around words that look made up is skipped, and the words with it; needs word timestamps.</summary>
    public TimeSpan? HallucinationSilenceThreshold { get; init; }

    /// <summary>How to tell speech from silence before transcribing; null transcribes everything (with a batch: its defaults).</summary>
    public VadOptions? Vad { get; init; }

    /// <summary>Windows decoded at once. Above 1, speech is cut at pauses into windows that know nothing of each other.</summary>
    public int BatchSize { get; init; } = 1;

    /// <summary>
    /// Whether each channel of a file or stream is transcribed by itself, as of a call with one speaker a channel: segments say which, and
    /// come in the order of time. Channels that sound alike count once. Give <see cref="Vad"/> too: one is silent while another speaks.
    /// </summary>
    public bool EachChannel { get; init; }

    /// <summary>What is done to the text by its language's rules of writing; null leaves it as the model wrote it.</summary>
    public TextRules? TextRules { get; init; }

    /// <summary>Where an earlier transcription of the same recording, with the same options, stood; null to begin at the start.</summary>
    public TranscriptionPosition? Resume { get; init; }

    /// <summary>
    /// Whether windows are decoded without timestamps: nobody returns to those of a batch, so that what is said after an early last
    /// timestamp would be lost.
    /// </summary>
    internal bool DecodesTextAlone => Decoding.WithoutTimestamps ?? BatchSize > 1;

    /// <exception cref="ArgumentException">An option is out of its range, or two exclude each other.</exception>
    internal override void Validate()
    {
        base.Validate();
        Require(BatchSize is >= 1 and <= 1024, nameof(BatchSize), $"is {BatchSize}; expected 1 to 1024");
        Require(
            HallucinationSilenceThreshold is null || WordTimestamps, nameof(HallucinationSilenceThreshold),
            $"needs {nameof(WordTimestamps)}; set it too");
        Require(
            HallucinationSilenceThreshold is null || HallucinationSilenceThreshold >= TimeSpan.Zero, nameof(HallucinationSilenceThreshold),
            "is negative");
        Require(
            ClipRanges.Count == 0 || (Vad is null && BatchSize == 1), nameof(ClipRanges),
            $"cannot be used together with {nameof(Vad)} or a {nameof(BatchSize)} above 1, which choose the parts themselves");
        Require(Resume is null || !EachChannel, nameof(Resume), $"is one channel's; it cannot be used with {nameof(EachChannel)}");
        Require(Audio.Channel is null || !EachChannel, nameof(EachChannel), $"and the one channel of {nameof(Audio)} exclude each other");
        Require(
            Resume is null or { Windows: >= 0, Seek: >= 0, Segments: >= 0 }, nameof(Resume),
            "has negative numbers; expected those of a progress report");
        ValidateClips();
        Vad?.Validate();
    }

    void ValidateClips()
    {
        TimeSpan? end = TimeSpan.Zero;
        foreach (var clip in ClipRanges)
        {
            Require(
                end is not null && clip.Start >= end, nameof(ClipRanges),
                $"has a part that begins at {clip.Start}, before the one ahead of it ends " +
                $"({end?.ToString() ?? "at the recording's end"}); give parts in order and without overlap");
            Require(
                clip.End is null || clip.End > clip.Start, nameof(ClipRanges),
                $"has a part from {clip.Start} to {clip.End}; expected an end after the start");
            end = clip.End;
        }
    }

    static void Require(bool holds, string option, string what)
    {
        if (!holds) throw new ArgumentException($"The transcription option {option} {what}.", option);
    }
}
