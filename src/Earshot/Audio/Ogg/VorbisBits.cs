namespace Earshot.Audio;

/// <summary>Reads a Vorbis packet's bits, lowest first.</summary>
internal ref struct VorbisBits(ReadOnlySpan<byte> packet)
{
    readonly ReadOnlySpan<byte> _packet = packet;
    long _at;

    public readonly long Left => (8L * _packet.Length) - _at;

    /// <summary>Reads up to 32 bits.</summary>
    /// <exception cref="InvalidDataException">The packet ends before.</exception>
    public uint Read(int count)
    {
        Require(count);
        uint value = 0;
        for (var done = 0; done < count;)
        {
            var inByte = (int)(_at & 7);
            var take = Math.Min(count - done, 8 - inByte);
            value |= (uint)((_packet[(int)(_at >> 3)] >> inByte) & ((1 << take) - 1)) << done;
            _at += take;
            done += take;
        }
        return value;
    }

    public bool ReadFlag() => Read(1) != 0;

    public void Skip(long count)
    {
        Require(count);
        _at += count;
    }

    readonly void Require(long count)
    {
        if (count > Left) throw new InvalidDataException($"it ends at bit {8L * _packet.Length}, where {count} more are expected");
    }
}
