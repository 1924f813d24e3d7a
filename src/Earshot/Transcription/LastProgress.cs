namespace Earshot.Transcription;

/// <summary>Keeps what was last found out about a recording, and passes progress on to whoever else asked for it.</summary>
sealed class LastProgress(IProgress<TranscriptionProgress>? inner = null) : IProgress<TranscriptionProgress>
{
    public TranscriptionInfo Info { get; private set; } = new();

    public void Report(TranscriptionProgress value)
    {
        Info = value.Info;
        inner?.Report(value);
    }
}
