namespace Earshot.Audio;

/// <summary>Bytes that were read already, then the rest of the stream they came from, which is owned.</summary>
internal sealed class ReplayedStream(byte[] first, Stream rest) : ForwardStream
{
    int _at;

    public override int Read(Span<byte> buffer)
    {
        if (_at == first.Length) return rest.Read(buffer);
        var read = Math.Min(buffer.Length, first.Length - _at);
        first.AsSpan(_at, read).CopyTo(buffer);
        _at += read;
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) rest.Dispose();
        base.Dispose(disposing);
    }
}
