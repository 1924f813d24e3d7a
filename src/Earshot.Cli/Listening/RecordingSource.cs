using Earshot.Audio;

namespace Earshot.Cli.Listening;

/// <summary>A recording in a file or on standard input: as fast as it is heard, or at the pace at which it was said.</summary>
internal sealed class RecordingSource(SampleStream stream, string name, bool isRealTime, TimeProvider? pace) : LiveSource
{
    // A piece is not delivered before all of it was said.
    const int Piece = SampleStream.SampleRate / 10;

    long _given;
    long? _started;

    public override string Name => name;

    public override int SampleRate => SampleStream.SampleRate;

    public override bool IsRealTime => isRealTime || pace is not null;

    public override async ValueTask<int> ReadAsync(Memory<float> samples, CancellationToken cancellationToken)
    {
        _started ??= pace?.GetTimestamp();
        // Reading from a pipe cannot be cancelled; whoever is cancelled does not wait for it.
        int count = await Task.Run(() => stream.Read(samples.Span[..Math.Min(samples.Length, Piece)]), cancellationToken)
            .WaitAsync(cancellationToken).ConfigureAwait(false);
        _given += count;
        if (pace is not null && count > 0)
        {
            var early = TimeSpan.FromSeconds((double)_given / SampleStream.SampleRate) - pace.GetElapsedTime(_started!.Value);
            if (early > TimeSpan.Zero) await Task.Delay(early, pace, cancellationToken).ConfigureAwait(false);
        }
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) stream.Dispose();
        base.Dispose(disposing);
    }
}
