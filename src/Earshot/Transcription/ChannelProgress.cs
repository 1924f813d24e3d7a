namespace Earshot.Transcription;

/// <summary>Progress of channels that are transcribed side by side, as that of one recording: how far they are on average.</summary>
public sealed class ChannelProgress(int channels, IProgress<TranscriptionProgress>? inner)
{
    readonly Lock _lock = new();
    readonly TranscriptionProgress?[] _reports = new TranscriptionProgress?[channels];

    /// <summary>Where one of the channels reports to.</summary>
    public IProgress<TranscriptionProgress> Of(int channel) => new Channel(this, channel);

    void Report(int channel, TranscriptionProgress value)
    {
        // A single lock: reports reach the reader one at a time and in order.
        lock (_lock)
        {
            _reports[channel] = value;
            var processed = TimeSpan.FromTicks(_reports.Sum(report => report?.Processed.Ticks ?? 0) / channels);
            var first = _reports.First(report => report is not null)!;
            var longest = _reports.Max(report => report?.Info.Duration ?? TimeSpan.Zero);
            var speech = TimeSpan.FromTicks(_reports.Sum(report => report?.Info.DurationAfterVad.Ticks ?? 0));
            inner?.Report(new TranscriptionProgress(
                processed, first.Total, channels == 1 ? first.Info : first.Info with { Duration = longest, DurationAfterVad = speech }));
        }
    }

    sealed class Channel(ChannelProgress all, int index) : IProgress<TranscriptionProgress>
    {
        public void Report(TranscriptionProgress value) => all.Report(index, value);
    }
}
