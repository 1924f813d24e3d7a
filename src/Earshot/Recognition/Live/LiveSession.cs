namespace Earshot.Recognition;

/// <summary>
/// Hears the sound of one stream again and again while it grows: what is settled is given, and only what follows it is written. One window
/// at a time.
/// </summary>
abstract class LiveSession : IDisposable
{
    /// <summary>Writes down what is said in a window behind what is settled of it.</summary>
    public abstract ValueTask<HeardText> HearAsync(LiveWindow window, CancellationToken cancellationToken);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) { }
}

/// <summary>A stretch of a stream at 16 kHz, of which the beginning may be written down for good.</summary>
sealed record LiveWindow
{
    public required ReadOnlyMemory<float> Samples { get; init; }

    /// <summary>What was heard just before.</summary>
    public ReadOnlyMemory<float> Before { get; init; }

    /// <summary>Where it begins in the stream, in seconds.</summary>
    public double StartTime { get; init; }

    /// <summary>Tokens of what is settled of this sound; the text goes on behind them.</summary>
    public ReadOnlyMemory<int> Settled { get; init; }

    /// <summary>Where the settled words end in the stream, in seconds.</summary>
    public double SettledEnd { get; init; }

    /// <summary>Tokens of what was said before this sound.</summary>
    public ReadOnlyMemory<int> Prompt { get; init; }

    /// <summary>The language's code; null to ask <see cref="Choose"/>.</summary>
    public string? Language { get; init; }

    /// <summary>Says which language to write, given what this sound seems to be in; null where nobody asks.</summary>
    public Func<LanguageDetection, string>? Choose { get; init; }

    public int BeamSize { get; init; } = 1;

    /// <summary>Whether nothing is to follow, so that another attempt is worth its time where the text is poor.</summary>
    public bool MayTryAgain { get; init; }

    /// <summary>Of several streams' windows, that with the earliest comes first; in the clock's timestamps.</summary>
    public long Deadline { get; init; }

    public double EndTime => StartTime + (Samples.Length / (AudioWindow.FramesPerSecond * AudioWindow.SamplesPerFrame));
}

/// <summary>What a window says behind what is settled of it.</summary>
sealed record HeardText
{
    public required IReadOnlyList<HeardWord> Words { get; init; }

    /// <summary>Whether nobody speaks, so that the words are not to be believed.</summary>
    public bool IsSilent { get; init; }

    /// <summary>The language that the text is in; null where the model does not tell.</summary>
    public string? Language { get; init; }

    public float AvgLogprob { get; init; }

    public float NoSpeechProb { get; init; }
}

/// <summary>A word with the space before it; times in seconds of the stream.</summary>
/// <param name="Attended">The furthest place that the model looks at while it writes the word.</param>
sealed record HeardWord(string Text, IReadOnlyList<int> Tokens, double Start, double End, double Attended, float Probability);
