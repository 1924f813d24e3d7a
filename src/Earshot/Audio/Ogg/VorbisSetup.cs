using System.Numerics;

namespace Earshot.Audio;

/// <summary>
/// The third packet of a Vorbis stream (section 4.2.4), read through before the decoder gets it: tables of bounded size, references
/// that exist. What it is read for are the modes, which tell each packet's length.
/// </summary>
internal ref struct VorbisSetup
{
    // Four times what encoders write: a few bytes could otherwise ask for gigabytes.
    const int MaxEntries = 32 * 1024;
    const int MaxValues = 1024 * 1024;

    readonly int _channels;
    VorbisBits _bits;

    VorbisSetup(ReadOnlySpan<byte> packet, int channels)
    {
        _bits = new VorbisBits(packet);
        _channels = channels;
    }

    /// <summary>For each mode, whether its blocks are long.</summary>
    /// <exception cref="InvalidDataException">The packet is damaged, or its tables are larger than any encoder makes them.</exception>
    public static bool[] ReadModes(ReadOnlySpan<byte> packet, int channels)
    {
        if (!packet.StartsWith("\u0005vorbis"u8)) throw new InvalidDataException("it does not begin with its name");
        return new VorbisSetup(packet[7..], channels).ReadAll();
    }

    bool[] ReadAll()
    {
        var books = (int)_bits.Read(8) + 1;
        for (var i = 0; i < books; i++) ReadCodebook();
        for (var i = (int)_bits.Read(6) + 1; i > 0; i--) Require(_bits.Read(16) == 0, "a transform is not of type 0");
        var floors = (int)_bits.Read(6) + 1;
        for (var i = 0; i < floors; i++) ReadFloor(books);
        var residues = (int)_bits.Read(6) + 1;
        for (var i = 0; i < residues; i++) ReadResidue(books);
        var mappings = (int)_bits.Read(6) + 1;
        for (var i = 0; i < mappings; i++) ReadMapping(floors, residues);
        var modes = new bool[_bits.Read(6) + 1];
        foreach (ref var isLong in modes.AsSpan())
        {
            isLong = _bits.ReadFlag();
            Require(_bits.Read(32) == 0, "a mode's window or transform is not of type 0");
            Require(_bits.Read(8) < mappings, "a mode refers to no mapping");
        }
        Require(_bits.ReadFlag(), "its last bit is not 1");
        return modes;
    }

    /// <summary>Section 3.2.1.</summary>
    void ReadCodebook()
    {
        Require(_bits.Read(24) == 0x564342, "a codebook does not begin with its name");
        var dimensions = (int)_bits.Read(16);
        var entries = (int)_bits.Read(24);
        Require(dimensions > 0 && entries is > 0 and <= MaxEntries, $"a codebook has {entries} entries of {dimensions} values");
        ReadLengths(entries);
        var lookup = _bits.Read(4);
        if (lookup == 0) return;
        Require(lookup <= 2, $"a codebook's values are of type {lookup}");
        Require((long)entries * dimensions <= MaxValues, $"a codebook has {entries} entries of {dimensions} values");
        _bits.Skip(64);
        var width = (int)_bits.Read(4) + 1;
        _bits.Skip(1);
        _bits.Skip((long)width * (lookup == 1 ? Root(entries, dimensions) : entries * dimensions));
    }

    void ReadLengths(int entries)
    {
        if (!_bits.ReadFlag())
        {
            var isSparse = _bits.ReadFlag();
            for (var i = 0; i < entries; i++)
            {
                if (!isSparse || _bits.ReadFlag()) _bits.Skip(5);
            }
            return;
        }
        _bits.Skip(5);
        for (var done = 0; done < entries;)
        {
            var run = (int)_bits.Read(Width(entries - done));
            Require(run <= entries - done, "a codebook has more lengths than entries");
            done += run;
        }
    }

    /// <summary>Floors of type 1 (section 7.2.2); those of type 0 were given up before Vorbis was finished.</summary>
    void ReadFloor(int books)
    {
        var type = _bits.Read(16);
        Require(type == 1, $"a floor is of type {type}, where 1 is read");
        Span<int> classes = stackalloc int[31];
        Span<int> dimensions = stackalloc int[16];
        classes = classes[..(int)_bits.Read(5)];
        var last = -1;
        foreach (ref var of in classes) last = Math.Max(last, of = (int)_bits.Read(4));
        for (var i = 0; i <= last; i++)
        {
            dimensions[i] = (int)_bits.Read(3) + 1;
            var subclasses = (int)_bits.Read(2);
            if (subclasses > 0) RequireBook(_bits.Read(8), books);
            for (var j = 0; j < 1 << subclasses; j++)
            {
                // One less than what stands there; none where that is 0.
                if (_bits.Read(8) is > 0 and var book) RequireBook(book - 1, books);
            }
        }
        _bits.Skip(2);
        var width = (int)_bits.Read(4);
        foreach (var of in classes) _bits.Skip((long)width * dimensions[of]);
    }

    /// <summary>Section 8.6.1.</summary>
    void ReadResidue(int books)
    {
        Require(_bits.Read(16) <= 2, "a residue is not of type 0 to 2");
        _bits.Skip(3 * 24);
        var classes = (int)_bits.Read(6) + 1;
        RequireBook(_bits.Read(8), books);
        var used = 0;
        for (var i = 0; i < classes; i++)
        {
            used += BitOperations.PopCount(_bits.Read(3));
            if (_bits.ReadFlag()) used += BitOperations.PopCount(_bits.Read(5));
        }
        for (; used > 0; used--) RequireBook(_bits.Read(8), books);
    }

    void ReadMapping(int floors, int residues)
    {
        Require(_bits.Read(16) == 0, "a mapping is not of type 0");
        var submaps = _bits.ReadFlag() ? (int)_bits.Read(4) + 1 : 1;
        var couplings = _bits.ReadFlag() ? (int)_bits.Read(8) + 1 : 0;
        for (; couplings > 0; couplings--)
        {
            var (magnitude, angle) = (_bits.Read(Width(_channels - 1)), _bits.Read(Width(_channels - 1)));
            Require(magnitude != angle && magnitude < _channels && angle < _channels, "a mapping couples channels that are not there");
        }
        Require(_bits.Read(2) == 0, "a mapping's reserved bits are not 0");
        for (var channel = 0; submaps > 1 && channel < _channels; channel++) Require(_bits.Read(4) < submaps, "a mapping refers to no submap");
        for (; submaps > 0; submaps--)
        {
            _bits.Skip(8);
            Require(_bits.Read(8) < floors && _bits.Read(8) < residues, "a mapping refers to no floor or residue");
        }
    }

    /// <summary>The bits that hold a value: 0 for 0.</summary>
    public static int Width(int value) => 32 - BitOperations.LeadingZeroCount((uint)value);

    /// <summary>The greatest whole number whose power is no more than the entries (section 9.2.3).</summary>
    static int Root(int entries, int dimensions)
    {
        var root = 1;
        while (BigInteger.Pow(root + 1, dimensions) <= entries) root++;
        return root;
    }

    static void RequireBook(uint book, int books) => Require(book < books, "a codebook is referred to that is not there");

    static void Require(bool condition, string what)
    {
        if (!condition) throw new InvalidDataException(what);
    }
}
