namespace Earshot.Audio;

/// <summary>Writes bits, highest first.</summary>
internal sealed class BitWriter
{
    readonly List<byte> _bytes = [];
    int _free;

    public void Write(long value, int count)
    {
        for (var bit = count - 1; bit >= 0; bit--)
        {
            if (_free == 0)
            {
                _bytes.Add(0);
                _free = 8;
            }
            _free--;
            if ((value >> bit & 1) != 0) _bytes[^1] |= (byte)(1 << _free);
        }
    }

    public void WriteUnary(long zeros)
    {
        for (; zeros > 0; zeros--) Write(0, 1);
        Write(1, 1);
    }

    public void WriteBytes(IEnumerable<byte> bytes)
    {
        foreach (var value in bytes) Write(value, 8);
    }

    public void Align() => _free = 0;

    public byte[] ToArray() => [.. _bytes];
}
