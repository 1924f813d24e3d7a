namespace Earshot.Cli.Listening;

/// <summary>Samples without a header, from a stream that brings them as they are recorded.</summary>
internal sealed class RawSource(Stream stream, RawFormat format, string name) : LiveSource
{
    readonly byte[] _bytes = new byte[1 << 14];
    int _filled;

    public override string Name => name;

    public override int SampleRate => format.SampleRate;

    public override bool IsRealTime => true;

    public override async ValueTask<int> ReadAsync(Memory<float> samples, CancellationToken cancellationToken)
    {
        while (true)
        {
            int read = await stream.ReadAsync(_bytes.AsMemory(_filled), cancellationToken).AsTask().WaitAsync(cancellationToken)
                .ConfigureAwait(false);
            if (read == 0) return 0;
            _filled += read;
            int count = format.Decode(_bytes.AsSpan(0, _filled), samples.Span);
            int used = count * format.BytesPerFrame;
            _bytes.AsSpan(used, _filled - used).CopyTo(_bytes);
            _filled -= used;
            if (count > 0) return count;
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) stream.Dispose();
        base.Dispose(disposing);
    }
}
