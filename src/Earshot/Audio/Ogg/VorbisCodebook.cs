namespace Earshot.Audio;

/// <summary>A table of prefix codes and the vectors that they stand for (Vorbis I specification, section 3).</summary>
internal sealed class VorbisCodebook
{
    const int FastBits = 9;
    const int MaxLength = 32;

    // A tree: two branches a node, of which 0 is none, above 0 another node, below 0 the complement of an entry.
    readonly List<int> _tree = [0, 0];
    readonly int[] _fast = new int[1 << FastBits];

    VorbisCodebook(int dimensions) => Dimensions = dimensions;

    /// <summary>Values of a vector.</summary>
    public int Dimensions { get; }

    public int Entries { get; private init; }

    /// <summary>The vectors one after the other; empty where the codes stand for themselves.</summary>
    public float[] Values { get; private set; } = [];

    /// <summary>Reads a codebook's header.</summary>
    /// <param name="maxValues">The most values that its vectors may hold together.</param>
    /// <exception cref="InvalidDataException">It is damaged, or too large.</exception>
    public static VorbisCodebook Read(ref VorbisBits bits, int maxEntries, int maxValues)
    {
        Require(bits.Read(24) == 0x564342, "a codebook does not begin with its name");
        var dimensions = (int)bits.Read(16);
        var entries = (int)bits.Read(24);
        Require(dimensions > 0 && entries > 0 && entries <= maxEntries, $"a codebook has {entries} entries of {dimensions} values");
        var book = new VorbisCodebook(dimensions) { Entries = entries };
        book.Grow(ReadLengths(ref bits, entries));
        book.Flatten();
        var lookup = bits.Read(4);
        Require(lookup <= 2, $"a codebook's values are of type {lookup}");
        if (lookup == 0) return book;
        Require((long)entries * dimensions <= maxValues, $"a codebook has {entries} entries of {dimensions} values");
        book.ReadValues(ref bits, isLattice: lookup == 1);
        return book;
    }

    /// <summary>Reads one code; the entry, or -1 where the packet ends or no code stands.</summary>
    public int Decode(ref VorbisBits bits)
    {
        // The usual codes are short: their entry and length stand in one place.
        var found = _fast[bits.Peek(FastBits)];
        bits.Skip(found & 15);
        var at = found >> 4;
        while (at > 0) at = _tree[(2 * at) + (int)bits.Read(1)];
        return at == 0 || bits.IsOver ? -1 : ~at;
    }

    static byte[] ReadLengths(ref VorbisBits bits, int entries)
    {
        var lengths = new byte[entries];
        if (bits.ReadFlag())
        {
            var length = (int)bits.Read(5) + 1;
            for (var done = 0; done < entries; length++)
            {
                var run = (int)bits.Read(VorbisSetup.Width(entries - done));
                Require(run <= entries - done && length <= MaxLength, "a codebook has more lengths than entries");
                lengths.AsSpan(done, run).Fill((byte)length);
                done += run;
            }
            return lengths;
        }
        var isSparse = bits.ReadFlag();
        foreach (ref var length in lengths.AsSpan())
        {
            if (!isSparse || bits.ReadFlag()) length = (byte)(bits.Read(5) + 1);
        }
        Require(!bits.IsOver, "it ends inside a codebook");
        return lengths;
    }

    /// <summary>Gives each entry in turn the lowest code of its length that is free (section 3.2.1).</summary>
    void Grow(byte[] lengths)
    {
        // The free branch at each depth, left aligned in 32 bits; 0 for none.
        Span<uint> free = stackalloc uint[MaxLength + 1];
        var used = 0;
        for (var entry = 0; entry < lengths.Length; entry++)
        {
            int length = lengths[entry];
            if (length == 0) continue;
            uint code = 0;
            if (used++ == 0)
            {
                for (var depth = 1; depth <= length; depth++) free[depth] = 1u << (32 - depth);
            }
            else
            {
                var depth = length;
                while (depth > 0 && free[depth] == 0) depth--;
                Require(depth > 0, "a codebook has more codes than its lengths allow");
                code = free[depth];
                free[depth] = 0;
                for (var below = length; below > depth; below--) free[below] = code + (1u << (32 - below));
            }
            Insert(code, length, entry);
        }
        // A single entry has one code of one bit, whichever it is.
        if (used == 1 && _tree[0] < 0) _tree[1] = _tree[0];
    }

    void Insert(uint code, int length, int entry)
    {
        var node = 0;
        for (var i = 0; i < length - 1; i++, code <<= 1)
        {
            var branch = (2 * node) + (int)(code >> 31);
            if (_tree[branch] == 0)
            {
                _tree[branch] = _tree.Count / 2;
                _tree.AddRange([0, 0]);
            }
            node = _tree[branch];
            Require(node > 0, "a codebook's codes begin with one another");
        }
        _tree[(2 * node) + (int)(code >> 31)] = ~entry;
    }

    /// <summary>Follows the tree for every pattern of the first bits: where it leads, and after how many.</summary>
    void Flatten()
    {
        for (var pattern = 0; pattern < _fast.Length; pattern++)
        {
            var (at, length) = (_tree[pattern & 1], 1);
            while (at > 0 && length < FastBits) at = _tree[(2 * at) + ((pattern >> length++) & 1)];
            _fast[pattern] = (at << 4) | length;
        }
    }

    void ReadValues(ref VorbisBits bits, bool isLattice)
    {
        var (least, step) = (ReadFloat(bits.Read(32)), ReadFloat(bits.Read(32)));
        var width = (int)bits.Read(4) + 1;
        var isRunning = bits.ReadFlag();
        var factors = new float[isLattice ? Root(Entries, Dimensions) : Entries * Dimensions];
        foreach (ref var factor in factors.AsSpan()) factor = bits.Read(width);
        Require(!bits.IsOver, "it ends inside a codebook");
        Values = new float[Entries * Dimensions];
        for (var entry = 0; entry < Entries; entry++)
        {
            var last = 0f;
            long divisor = 1;
            for (var i = 0; i < Dimensions; i++)
            {
                var place = isLattice ? (int)(entry / divisor % factors.Length) : (entry * Dimensions) + i;
                var value = (factors[place] * step) + least + last;
                Values[(entry * Dimensions) + i] = value;
                if (isRunning) last = value;
                if (divisor <= Entries) divisor *= factors.Length;
            }
        }
    }

    /// <summary>A sign, 10 bits of exponent and 21 of mantissa (section 9.2.2).</summary>
    static float ReadFloat(uint bits)
    {
        var mantissa = (double)(bits & 0x1F_FFFF) * ((bits & 0x8000_0000) != 0 ? -1 : 1);
        return (float)Math.ScaleB(mantissa, (int)((bits >> 21) & 0x3FF) - 788);
    }

    /// <summary>The greatest whole number whose power is no more than the entries (section 9.2.3).</summary>
    static int Root(int entries, int dimensions)
    {
        var root = 1;
        while (IsPowerWithin(root + 1, dimensions, entries)) root++;
        return root;
    }

    static bool IsPowerWithin(long root, int exponent, int limit)
    {
        long power = 1;
        for (; exponent > 0 && power <= limit; exponent--) power *= root;
        return power <= limit;
    }

    static void Require(bool condition, string what)
    {
        if (!condition) throw new InvalidDataException(what);
    }
}
