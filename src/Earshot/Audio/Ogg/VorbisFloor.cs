namespace Earshot.Audio;

/// <summary>A spectrum's envelope as straight lines between points (floor type 1, section 7.2).</summary>
internal sealed class VorbisFloor
{
    const int MaxPoints = 65;
    static readonly int[] Ranges = [256, 128, 86, 64];

    // 140 dB in 256 steps, the last of which is 1.
    static readonly float[] Levels = [.. Enumerable.Range(0, 256).Select(level => (float)Math.Pow(10, (level - 255) * (140.0 / 256) / 20))];

    readonly int[] _partitions;
    readonly int[] _dimensions = new int[16];
    readonly int[] _subclasses = new int[16];
    readonly VorbisCodebook?[] _masters = new VorbisCodebook?[16];
    readonly VorbisCodebook?[][] _books = new VorbisCodebook?[16][];
    readonly int _multiplier;
    readonly int[] _x;
    readonly int[] _order;
    readonly int[] _below;
    readonly int[] _above;

    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public VorbisFloor(ref VorbisBits bits, VorbisCodebook[] books)
    {
        var type = bits.Read(16);
        Require(type == 1, $"a floor is of type {type}, where 1 is read");
        _partitions = new int[bits.Read(5)];
        foreach (ref var of in _partitions.AsSpan()) of = (int)bits.Read(4);
        for (var i = 0; i <= _partitions.DefaultIfEmpty(-1).Max(); i++) ReadClass(ref bits, i, books);
        _multiplier = (int)bits.Read(2) + 1;
        var width = (int)bits.Read(4);
        var x = new List<int> { 0, 1 << width };
        foreach (var of in _partitions)
        {
            for (var i = 0; i < _dimensions[of]; i++) x.Add((int)bits.Read(width));
        }
        Require(x.Count <= MaxPoints && x.Distinct().Count() == x.Count, "a floor's points coincide, or are too many");
        _x = [.. x];
        _order = [.. Enumerable.Range(0, _x.Length).OrderBy(i => _x[i])];
        // For each point the nearest of the earlier ones on both sides.
        _below = [
            .. Enumerable.Range(0, _x.Length).Select(i => i < 2 ? 0 : Enumerable.Range(0, i).Where(j => _x[j] < _x[i]).MaxBy(j => _x[j]))
        ];
        _above = [
            .. Enumerable.Range(0, _x.Length).Select(i => i < 2 ? 1 : Enumerable.Range(0, i).Where(j => _x[j] > _x[i]).MinBy(j => _x[j]))
        ];
    }

    public int Points => _x.Length;

    /// <summary>Reads a packet's heights; false where this channel is silent in it.</summary>
    public bool Read(ref VorbisBits bits, Span<int> y)
    {
        if (!bits.ReadFlag()) return false;
        var width = VorbisSetup.Width(Ranges[_multiplier - 1] - 1);
        (y[0], y[1]) = ((int)bits.Read(width), (int)bits.Read(width));
        var at = 2;
        foreach (var of in _partitions)
        {
            var bitsOf = _subclasses[of];
            var chosen = 0;
            if (_masters[of] is { } master && (chosen = master.Decode(ref bits)) < 0) return false;
            for (var i = 0; i < _dimensions[of]; i++, chosen >>= bitsOf)
            {
                var book = _books[of][chosen & ((1 << bitsOf) - 1)];
                if ((y[at++] = book?.Decode(ref bits) ?? 0) < 0) return false;
            }
        }
        return !bits.IsOver;
    }

    /// <summary>Multiplies a spectrum by the envelope.</summary>
    public void Apply(Span<int> y, Span<float> spectrum)
    {
        Span<bool> isUsed = stackalloc bool[MaxPoints];
        Unwrap(y, isUsed);
        var (x0, y0) = (0, y[0] * _multiplier);
        foreach (var point in _order.AsSpan(1))
        {
            if (!isUsed[point]) continue;
            var (x1, y1) = (_x[point], y[point] * _multiplier);
            Line(x0, y0, x1, y1, spectrum);
            (x0, y0) = (x1, y1);
        }
        for (var x = x0; x < spectrum.Length; x++) spectrum[x] *= Levels[Math.Clamp(y0, 0, 255)];
    }

    void ReadClass(ref VorbisBits bits, int index, VorbisCodebook[] books)
    {
        _dimensions[index] = (int)bits.Read(3) + 1;
        _subclasses[index] = (int)bits.Read(2);
        if (_subclasses[index] > 0) _masters[index] = VorbisSetup.Book(books, bits.Read(8));
        _books[index] = new VorbisCodebook?[1 << _subclasses[index]];
        // One less than what stands there; none where that is 0.
        foreach (ref var book in _books[index].AsSpan())
            book = bits.Read(8) is > 0 and var number ? VorbisSetup.Book(books, number - 1) : null;
    }

    /// <summary>Heights are stored as differences from the line between their neighbours (section 7.2.4, step 1).</summary>
    void Unwrap(Span<int> y, Span<bool> isUsed)
    {
        var range = Ranges[_multiplier - 1];
        isUsed[0] = isUsed[1] = true;
        for (var i = 2; i < _x.Length; i++)
        {
            var (low, high) = (_below[i], _above[i]);
            var predicted = Between(_x[low], y[low], _x[high], y[high], _x[i]);
            var stored = y[i];
            var (above, below) = (range - predicted, predicted);
            var room = 2 * Math.Min(above, below);
            isUsed[i] = stored != 0;
            if (stored == 0)
            {
                y[i] = predicted;
                continue;
            }
            isUsed[low] = isUsed[high] = true;
            if (stored >= room) y[i] = above > below ? stored - below + predicted : predicted - stored + above - 1;
            else y[i] = (stored & 1) != 0 ? predicted - ((stored + 1) / 2) : predicted + (stored / 2);
            // Damage alone leads beyond.
            y[i] = Math.Clamp(y[i], 0, range - 1);
        }
    }

    static int Between(int x0, int y0, int x1, int y1, int x)
    {
        var rise = Math.Abs(y1 - y0) * (x - x0) / (x1 - x0);
        return y1 < y0 ? y0 - rise : y0 + rise;
    }

    /// <summary>Draws a line in whole steps (section 9.2.7).</summary>
    static void Line(int x0, int y0, int x1, int y1, Span<float> spectrum)
    {
        var (width, height) = (x1 - x0, y1 - y0);
        var step = height / width;
        var rest = Math.Abs(height) - (Math.Abs(step) * width);
        var sign = height < 0 ? -1 : 1;
        var (y, error) = (y0, 0);
        for (var x = x0; x < Math.Min(x1, spectrum.Length); x++)
        {
            spectrum[x] *= Levels[Math.Clamp(y, 0, 255)];
            y += step;
            error += rest;
            if (error < width) continue;
            error -= width;
            y += sign;
        }
    }

    static void Require(bool condition, string what)
    {
        if (!condition) throw new InvalidDataException(what);
    }
}
