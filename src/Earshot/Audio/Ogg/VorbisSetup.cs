using System.Numerics;

namespace Earshot.Audio;

/// <summary>Which channels share a floor and a residue, and which are coupled (section 4.2.4).</summary>
internal sealed record VorbisMapping(
    (int Magnitude, int Angle)[] Couplings, int[] Submaps, (VorbisFloor Floor, VorbisResidue Residue)[] Parts)
{
    /// <summary>The channels of each part.</summary>
    public int[][] ChannelsOf { get; } =
        [.. Enumerable.Range(0, Parts.Length)
            .Select(part => Enumerable.Range(0, Submaps.Length).Where(channel => Submaps[channel] == part).ToArray())];
}

/// <summary>The third packet of a Vorbis stream (section 4.2.4): all tables, of bounded size.</summary>
internal sealed class VorbisSetup
{
    // Four times what encoders write: a few bytes could otherwise ask for gigabytes.
    const int MaxEntries = 32 * 1024;
    const int MaxValues = 4 * 1024 * 1024;

    readonly VorbisCodebook[] _books;
    readonly VorbisFloor[] _floors;
    readonly VorbisResidue[] _residues;

    /// <exception cref="InvalidDataException">The packet is damaged, or its tables are larger than any encoder makes them.</exception>
    public VorbisSetup(ReadOnlySpan<byte> packet, int channels)
    {
        if (!packet.StartsWith("\u0005vorbis"u8)) throw new InvalidDataException("it does not begin with its name");
        var bits = new VorbisBits(packet[7..]);
        _books = ReadBooks(ref bits);
        for (var i = (int)bits.Read(6) + 1; i > 0; i--) Require(bits.Read(16) == 0, "a transform is not of type 0");
        _floors = new VorbisFloor[bits.Read(6) + 1];
        foreach (ref var floor in _floors.AsSpan()) floor = new VorbisFloor(ref bits, _books);
        _residues = new VorbisResidue[bits.Read(6) + 1];
        foreach (ref var residue in _residues.AsSpan()) residue = new VorbisResidue(ref bits, _books);
        var mappings = new VorbisMapping[bits.Read(6) + 1];
        foreach (ref var mapping in mappings.AsSpan()) mapping = ReadMapping(ref bits, channels);
        Modes = new (bool, VorbisMapping)[bits.Read(6) + 1];
        foreach (ref var mode in Modes.AsSpan())
        {
            var isLong = bits.ReadFlag();
            Require(bits.Read(32) == 0, "a mode's window or transform is not of type 0");
            var mapping = bits.Read(8);
            Require(mapping < mappings.Length, "a mode refers to no mapping");
            mode = (isLong, mappings[mapping]);
        }
        Require(bits.ReadFlag() && !bits.IsOver, "its last bit is not 1");
    }

    /// <summary>The kinds of blocks: whether long, and how they are stored.</summary>
    public (bool IsLong, VorbisMapping Mapping)[] Modes { get; }

    /// <summary>The bits that hold a value: 0 for 0.</summary>
    public static int Width(int value) => 32 - BitOperations.LeadingZeroCount((uint)value);

    public static VorbisCodebook Book(VorbisCodebook[] books, uint number)
    {
        Require(number < books.Length, "a codebook is referred to that is not there");
        return books[number];
    }

    static VorbisCodebook[] ReadBooks(ref VorbisBits bits)
    {
        var books = new VorbisCodebook[bits.Read(8) + 1];
        var left = MaxValues;
        foreach (ref var book in books.AsSpan())
        {
            book = VorbisCodebook.Read(ref bits, MaxEntries, left);
            left -= book.Values.Length;
        }
        return books;
    }

    VorbisMapping ReadMapping(ref VorbisBits bits, int channels)
    {
        Require(bits.Read(16) == 0, "a mapping is not of type 0");
        var parts = new (VorbisFloor, VorbisResidue)[bits.ReadFlag() ? bits.Read(4) + 1 : 1];
        var couplings = new (int Magnitude, int Angle)[bits.ReadFlag() ? bits.Read(8) + 1 : 0];
        var width = Width(channels - 1);
        foreach (ref var coupling in couplings.AsSpan())
        {
            coupling = ((int)bits.Read(width), (int)bits.Read(width));
            Require(
                coupling.Magnitude != coupling.Angle && coupling.Magnitude < channels && coupling.Angle < channels,
                "a mapping couples channels that are not there");
        }
        Require(bits.Read(2) == 0, "a mapping's reserved bits are not 0");
        var submaps = new int[channels];
        if (parts.Length > 1)
        {
            foreach (ref var submap in submaps.AsSpan()) submap = (int)bits.Read(4);
        }
        Require(submaps.Max() < parts.Length, "a mapping refers to no submap");
        foreach (ref var part in parts.AsSpan())
        {
            bits.Skip(8);
            var (floor, residue) = (bits.Read(8), bits.Read(8));
            Require(floor < _floors.Length && residue < _residues.Length, "a mapping refers to no floor or residue");
            part = (_floors[floor], _residues[residue]);
        }
        return new VorbisMapping(couplings, submaps, parts);
    }

    static void Require(bool condition, string what)
    {
        if (!condition) throw new InvalidDataException(what);
    }
}
