namespace Earshot.Audio;

/// <summary>A stream that cannot seek and gives a few bytes at a time, as pipes and sockets do.</summary>
internal sealed class PipeStream(byte[] bytes, int atMost = 7) : ForwardStream
{
    int _at;

    public override int Read(Span<byte> buffer)
    {
        var read = Math.Min(Math.Min(buffer.Length, atMost), bytes.Length - _at);
        bytes.AsSpan(_at, read).CopyTo(buffer);
        _at += read;
        return read;
    }
}
