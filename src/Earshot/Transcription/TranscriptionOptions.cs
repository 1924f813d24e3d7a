using Earshot.Audio;
using Earshot.Decoding;

namespace Earshot.Transcription;

/// <summary>A part of a recording; without an end it goes on to the recording's end.</summary>
public readonly record struct ClipRange(TimeSpan Start, TimeSpan? End = null);

/// <summary>How to transcribe a recording. The defaults are those of faster-whisper.</summary>
public sealed record TranscriptionOptions
{
    // Without any silence the model often does not see that nothing follows.
    const int SilenceFrames = 1000;

    /// <summary>The language spoken, by code or English name; null to detect it.</summary>
    public string? Language { get; init; }

    public SpeechTask Task { get; init; }

    /// <summary>How a file or stream is read that the transcriber opens itself: which channel, whether damage is refused, who is told of it.</summary>
    public AudioReadOptions Audio { get; init; } = new();

    /// <summary>Beams at temperature 0; 1 is greedy.</summary>
    public int BeamSize { get; init; } = 5;

    /// <summary>Samples at temperatures above 0, of which the likeliest is kept.</summary>
    public int BestOf { get; init; } = 5;

    /// <summary>Beam search ends with BeamSize × Patience finished hypotheses.</summary>
    public float Patience { get; init; } = 1;

    /// <summary>Alpha of the Google NMT length penalty, 0 to 1; null divides by the length.</summary>
    public float? LengthPenalty { get; init; }

    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>No run of this many text tokens appears twice in a window; 0 for no such rule.</summary>
    public int NoRepeatNgramSize { get; init; }

    /// <summary>Temperatures to try, in order, until a window's result will do.</summary>
    public IReadOnlyList<float> Temperatures { get; init; } = [0, 0.2f, 0.4f, 0.6f, 0.8f, 1];

    /// <summary>Text that compresses better than this loops, and is decoded again; null to not look.</summary>
    public float? CompressionRatioThreshold { get; init; } = 2.4f;

    /// <summary>Text whose average log-probability is lower is decoded again; null to not look.</summary>
    public float? LogprobThreshold { get; init; } = -1;

    /// <summary>A window less likely than this to hold speech, whose text is unlikely too, is silent; null to not look.</summary>
    public float? NoSpeechThreshold { get; init; } = 0.6f;

    /// <summary>Text whose last 32 tokens have less entropy loops (whisper.cpp: 2.4); null to not look.</summary>
    public float? EntropyThreshold { get; init; }

    /// <summary>Whether each window's text is the next one's prompt: consistent names and style, at the risk of loops.</summary>
    public bool ConditionOnPreviousText { get; init; } = true;

    /// <summary>A window decoded at a higher temperature is no prompt.</summary>
    public float PromptResetOnTemperature { get; init; } = 0.5f;

    /// <summary>Text as if said before the recording: names, spelling, style.</summary>
    public string? InitialPrompt { get; init; }

    /// <summary>Whether every window gets the initial prompt, not the first alone.</summary>
    public bool CarryInitialPrompt { get; init; }

    /// <summary>Words to expect, given to every window.</summary>
    public string? Hotwords { get; init; }

    /// <summary>Text that the first window's transcript begins with.</summary>
    public string? Prefix { get; init; }

    public bool SuppressBlank { get; init; } = true;

    /// <summary>Tokens never to decode; null for the checkpoint's list.</summary>
    public IReadOnlyList<int>? SuppressTokens { get; init; }

    /// <summary>
    /// Whether to decode text alone; a window is then one segment. Null: with timestamps one window after another, without them
    /// in batches, whose windows nobody returns to, so that text after an early last timestamp would be lost.
    /// </summary>
    public bool? WithoutTimestamps { get; init; }

    /// <summary>The latest first timestamp of a window; null for no limit.</summary>
    public TimeSpan? MaxInitialTimestamp { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Whether segments tell when each word is said, from the cross-attention.</summary>
    public bool WordTimestamps { get; init; }

    /// <summary>Punctuation that belongs to the word after it.</summary>
    public string PrependPunctuations { get; init; } = "\"'“¿([{-";

    /// <summary>Punctuation that belongs to the word before it.</summary>
    public string AppendPunctuations { get; init; } = "\"'.。,，!！?？:：”)]}、";

    /// <summary>Whether each window's language is detected anew, for recordings in several languages; without effect where the language is given.</summary>
    public bool DetectLanguageEachWindow { get; init; }

    /// <summary>
    /// Whether a window that is not full is encoded only as far as it holds audio, and ten seconds of silence: faster for short
    /// recordings, while the model was trained on full windows, so that results differ. With less silence it begins to loop.
    /// </summary>
    public bool ShortWindows { get; init; }

    /// <summary>Most tokens of a window; null for 224.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>Parts to transcribe, in order and without overlap; empty for all.</summary>
    public IReadOnlyList<ClipRange> ClipRanges { get; init; } = [];

    /// <summary>Silence longer than this around words that look made up is skipped, and the words with it; needs word timestamps.</summary>
    public TimeSpan? HallucinationSilenceThreshold { get; init; }

    /// <summary>How to tell speech from silence before transcribing; null transcribes everything (with a batch: its defaults).</summary>
    public VadOptions? Vad { get; init; }

    /// <summary>Windows decoded at once. Above 1, speech is cut at pauses into windows that know nothing of each other.</summary>
    public int BatchSize { get; init; } = 1;

    /// <summary>
    /// Whether each channel of a file or stream is transcribed by itself, as of a call with one speaker a channel: segments say which, and come in the
    /// order of time. Channels that sound alike count once. Give <see cref="Vad"/> too: one is silent while another speaks.
    /// </summary>
    public bool EachChannel { get; init; }

    /// <summary>Where an earlier transcription of the same recording, with the same options, stood; null to begin at the start.</summary>
    public TranscriptionPosition? Resume { get; init; }

    /// <summary>Draws at temperatures above 0 are a function of it.</summary>
    public ulong Seed { get; init; }

    internal TemperatureFallback Fallback => new()
    {
        Temperatures = Temperatures,
        CompressionRatioThreshold = CompressionRatioThreshold,
        LogprobThreshold = LogprobThreshold,
        NoSpeechThreshold = NoSpeechThreshold,
        EntropyThreshold = EntropyThreshold,
    };

    /// <summary>Frames to encode for a window of which <paramref name="frames"/> hold audio.</summary>
    internal int FramesToEncode(int frames, int windowFrames) =>
        ShortWindows ? Math.Min(windowFrames, (frames + SilenceFrames + 1) / 2 * 2) : windowFrames;

    /// <summary>The options of one window's decoding, all but what changes from window to window.</summary>
    internal DecodingOptions ForWindows() => new()
    {
        Task = Task,
        BeamSize = BeamSize,
        BestOf = BestOf,
        Patience = Patience,
        LengthPenalty = LengthPenalty,
        RepetitionPenalty = RepetitionPenalty,
        NoRepeatNgramSize = NoRepeatNgramSize,
        Hotwords = Hotwords,
        SuppressBlank = SuppressBlank,
        SuppressTokens = SuppressTokens,
        WithoutTimestamps = WithoutTimestamps ?? BatchSize > 1,
        MaxInitialTimestamp = MaxInitialTimestamp,
        MaxNewTokens = MaxNewTokens,
    };

    /// <exception cref="ArgumentException">An option is out of its range, or two exclude each other.</exception>
    internal void Validate()
    {
        ForWindows().Validate();
        Require(Temperatures is { Count: > 0 }, nameof(Temperatures), "is empty; give at least one, such as 0");
        foreach (float temperature in Temperatures)
            Require(float.IsFinite(temperature) && temperature >= 0, nameof(Temperatures), $"holds {temperature}; expected numbers of at least 0");
        Require(BatchSize is >= 1 and <= 1024, nameof(BatchSize), $"is {BatchSize}; expected 1 to 1024");
        Require(HallucinationSilenceThreshold is null || WordTimestamps, nameof(HallucinationSilenceThreshold), $"needs {nameof(WordTimestamps)}; set it too");
        Require(HallucinationSilenceThreshold is null || HallucinationSilenceThreshold >= TimeSpan.Zero, nameof(HallucinationSilenceThreshold), "is negative");
        Require(ClipRanges.Count == 0 || (Vad is null && BatchSize == 1), nameof(ClipRanges), $"cannot be used together with {nameof(Vad)} or a {nameof(BatchSize)} above 1, which choose the parts themselves");
        Require(Resume is null || !EachChannel, nameof(Resume), $"is one channel's; it cannot be used with {nameof(EachChannel)}");
        Require(Audio.Channel is null || !EachChannel, nameof(EachChannel), $"and the one channel of {nameof(Audio)} exclude each other");
        Require(Resume is null or { Windows: >= 0, Seek: >= 0, Segments: >= 0 }, nameof(Resume), "has negative numbers; expected those of a progress report");
        ValidateClips();
        Vad?.Validate();
    }

    void ValidateClips()
    {
        TimeSpan? end = TimeSpan.Zero;
        foreach (var clip in ClipRanges)
        {
            Require(end is not null && clip.Start >= end, nameof(ClipRanges), $"has a part that begins at {clip.Start}, before the one ahead of it ends ({end?.ToString() ?? "at the recording's end"}); give parts in order and without overlap");
            Require(clip.End is null || clip.End > clip.Start, nameof(ClipRanges), $"has a part from {clip.Start} to {clip.End}; expected an end after the start");
            end = clip.End;
        }
    }

    static void Require(bool holds, string option, string what)
    {
        if (!holds) throw new ArgumentException($"The transcription option {option} {what}.", option);
    }
}
