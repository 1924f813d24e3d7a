namespace Earshot.Audio;

/// <summary>The next bytes of a source, which is owned, as a stream: the part of a container that another reader decodes.</summary>
internal sealed class SourceStream(ByteSource source, long length) : ForwardStream
{
    long _left = length;

    public override int Read(Span<byte> buffer)
    {
        var wanted = (int)Math.Min(buffer.Length, _left);
        if (wanted == 0) return 0;
        var read = source.ReadAtLeast(buffer[..wanted], 1);
        _left -= read;
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) source.Dispose();
        base.Dispose(disposing);
    }
}
