namespace Earshot.Audio;

/// <summary>A spectrum's detail, coded in partitions of classes that choose the codebooks (section 8).</summary>
internal sealed class VorbisResidue
{
    const int Passes = 8;

    readonly int _type;
    readonly int _begin;
    readonly int _end;
    readonly int _partition;
    readonly int _classes;
    readonly VorbisCodebook _classBook;
    readonly VorbisCodebook?[] _books;
    int[] _chosen = [];
    float[] _interleaved = [];

    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public VorbisResidue(ref VorbisBits bits, VorbisCodebook[] books)
    {
        _type = (int)bits.Read(16);
        if (_type > 2) throw new InvalidDataException("a residue is not of type 0 to 2");
        (_begin, _end, _partition) = ((int)bits.Read(24), (int)bits.Read(24), (int)bits.Read(24) + 1);
        _classes = (int)bits.Read(6) + 1;
        _classBook = VorbisSetup.Book(books, bits.Read(8));
        var cascades = new uint[_classes];
        foreach (ref var cascade in cascades.AsSpan())
        {
            cascade = bits.Read(3);
            if (bits.ReadFlag()) cascade |= bits.Read(5) << 3;
        }
        _books = new VorbisCodebook?[_classes * Passes];
        for (var i = 0; i < _books.Length; i++)
        {
            if ((cascades[i / Passes] >> (i % Passes) & 1) == 0) continue;
            _books[i] = VorbisSetup.Book(books, bits.Read(8));
            if (_books[i]!.Values.Length == 0) throw new InvalidDataException("a residue's codebook has no values");
        }
        if (bits.IsOver) throw new InvalidDataException("it ends inside a residue");
    }

    /// <summary>Adds a packet's detail to the spectra.</summary>
    /// <param name="isSilent">Which of them nothing is stored for.</param>
    public void Read(ref VorbisBits bits, float[][] spectra, bool[] isSilent, int length)
    {
        if (Array.IndexOf(isSilent, false) < 0) return;
        if (_type != 2)
        {
            ReadAll(ref bits, spectra, isSilent, length);
            return;
        }
        // All channels are one spectrum, interleaved.
        var channels = spectra.Length;
        if (_interleaved.Length < length * channels) _interleaved = new float[length * channels];
        _interleaved.AsSpan().Clear();
        ReadAll(ref bits, [_interleaved], [false], length * channels);
        for (var channel = 0; channel < channels; channel++)
        {
            var spectrum = spectra[channel];
            for (var i = 0; i < length; i++) spectrum[i] += _interleaved[(i * channels) + channel];
        }
    }

    void ReadAll(ref VorbisBits bits, float[][] spectra, bool[] isSilent, int length)
    {
        var (begin, end) = (Math.Min(_begin, length), Math.Min(_end, length));
        var partitions = (end - begin) / _partition;
        if (partitions <= 0) return;
        var perWord = _classBook.Dimensions;
        if (_chosen.Length < spectra.Length * partitions) _chosen = new int[spectra.Length * partitions];
        for (var pass = 0; pass < Passes; pass++)
        {
            for (var first = 0; first < partitions; first += perWord)
            {
                var last = Math.Min(partitions, first + perWord);
                if (pass == 0 && !ReadClasses(ref bits, isSilent, first, last, partitions)) return;
                for (var partition = first; partition < last; partition++)
                {
                    for (var channel = 0; channel < spectra.Length; channel++)
                    {
                        if (isSilent[channel] || _books[(_chosen[(channel * partitions) + partition] * Passes) + pass] is not { } book)
                            continue;
                        if (!AddVectors(ref bits, book, spectra[channel].AsSpan(begin + (partition * _partition), _partition))) return;
                    }
                }
            }
        }
    }

    /// <summary>One code gives the classes of several partitions, the first in its highest digit.</summary>
    bool ReadClasses(ref VorbisBits bits, bool[] isSilent, int first, int last, int partitions)
    {
        for (var channel = 0; channel < isSilent.Length; channel++)
        {
            if (isSilent[channel]) continue;
            var word = _classBook.Decode(ref bits);
            if (word < 0) return false;
            for (var i = _classBook.Dimensions - 1; i >= 0; i--, word /= _classes)
            {
                if (first + i < last) _chosen[(channel * partitions) + first + i] = word % _classes;
            }
        }
        return true;
    }

    bool AddVectors(ref VorbisBits bits, VorbisCodebook book, Span<float> to)
    {
        var dimensions = book.Dimensions;
        // Type 0 spreads a vector over the partition, the others lay vectors one after the other.
        var step = _type == 0 ? to.Length / dimensions : 1;
        var count = (to.Length + dimensions - 1) / dimensions;
        for (var n = 0; n < (_type == 0 ? step : count); n++)
        {
            var entry = book.Decode(ref bits);
            if (entry < 0) return false;
            var at = _type == 0 ? n : n * dimensions;
            foreach (var value in book.Values.AsSpan(entry * dimensions, dimensions))
            {
                if (at < to.Length) to[at] += value;
                at += step;
            }
        }
        return true;
    }
}
