namespace Earshot.Audio;

/// <summary>
/// Reads a Vorbis packet's bits, lowest first. Beyond its end are zeros, and <see cref="IsOver"/> says that one was asked for.
/// </summary>
internal ref struct VorbisBits(ReadOnlySpan<byte> packet)
{
    readonly ReadOnlySpan<byte> _packet = packet;
    long _at;

    /// <summary>Whether more was read than is there.</summary>
    public readonly bool IsOver => _at > 8L * _packet.Length;

    /// <summary>The next bits, up to 24, without consuming them.</summary>
    public readonly uint Peek(int count)
    {
        var first = _at >> 3;
        uint word = 0;
        for (var i = 0; i < 4 && first + i < _packet.Length; i++) word |= (uint)_packet[(int)first + i] << (8 * i);
        return (word >> (int)(_at & 7)) & ((1u << count) - 1);
    }

    /// <summary>Reads up to 32 bits.</summary>
    public uint Read(int count)
    {
        if (count > 24) return Read(16) | (Read(count - 16) << 16);
        var value = Peek(count);
        _at += count;
        return value;
    }

    public bool ReadFlag() => Read(1) != 0;

    public void Skip(long count) => _at += count;
}
