namespace Earshot.Audio;

/// <summary>Vorbis packets to samples (Vorbis I specification, section 4.3).</summary>
internal sealed class VorbisDecoder : OggDecoder
{
    readonly VorbisHeader _header;
    readonly string _name;
    readonly InverseMdct _shortTransform;
    readonly InverseMdct _longTransform;
    readonly float[] _shortSlope;
    readonly float[] _longSlope;

    // A block's spectra and its samples, windowed; and the second half of the block before.
    readonly float[][] _spectra;
    readonly float[] _block;
    readonly float[][] _previous;
    readonly int[][] _heights;
    readonly bool[] _isSilent;

    VorbisSetup? _setup;
    bool _hasComments;
    int _measuredBlock;
    int _previousBlock;

    public VorbisDecoder(VorbisHeader header, string name)
    {
        (_header, _name) = (header, name);
        (_shortTransform, _longTransform) = (new InverseMdct(header.ShortBlock), new InverseMdct(header.LongBlock));
        (_shortSlope, _longSlope) = (Slope(header.ShortBlock / 2), Slope(header.LongBlock / 2));
        _spectra = Arrays<float>(header.LongBlock / 2);
        _previous = Arrays<float>(header.LongBlock / 2);
        _heights = Arrays<int>(65);
        _block = new float[header.LongBlock];
        _isSilent = new bool[header.Channels];
    }

    public override string Name => "Vorbis";

    public override int SampleRate => _header.SampleRate;

    public override int Channels => _header.Channels;

    public override bool MayBeginEarly => true;

    public override bool IsReady => _setup is not null;

    public override void Dispose() { }

    public override void AddHeader(byte[] packet)
    {
        if (!_hasComments)
        {
            _hasComments = true;
            return;
        }
        try
        {
            _setup = new VorbisSetup(packet, Channels);
        }
        catch (InvalidDataException e)
        {
            throw new AudioFormatException(
                $"'{_name}': the Vorbis setup header cannot be read: {e.Message}. The header is damaged: copy or download the file again.",
                e);
        }
    }

    /// <summary>A packet gives what lies between its window's middle and that of the one before.</summary>
    public override int? Measure(ReadOnlySpan<byte> packet)
    {
        if (ReadMode(packet, out _) is not { } mode) return null;
        var block = mode.IsLong ? _header.LongBlock : _header.ShortBlock;
        var frames = _measuredBlock == 0 ? 0 : (_measuredBlock + block) / 4;
        _measuredBlock = block;
        return frames;
    }

    public override void Decode(byte[] packet, Span<float> interleaved)
    {
        var (isLong, mapping) = ReadMode(packet, out var bits)!.Value;
        var block = isLong ? _header.LongBlock : _header.ShortBlock;
        // A long window says how long its neighbours are.
        var left = isLong && !bits.ReadFlag() ? _shortSlope : isLong ? _longSlope : _shortSlope;
        var right = isLong && !bits.ReadFlag() ? _shortSlope : isLong ? _longSlope : _shortSlope;
        ReadSpectra(ref bits, mapping, block / 2);
        for (var channel = 0; channel < Channels; channel++)
        {
            (isLong ? _longTransform : _shortTransform).Transform(_spectra[channel].AsSpan(0, block / 2), _block.AsSpan(0, block));
            Window(_block.AsSpan(0, block / 2), left);
            _block.AsSpan(block / 2, block / 2).Reverse();
            Window(_block.AsSpan(block / 2, block / 2), right);
            _block.AsSpan(block / 2, block / 2).Reverse();
            if (_previousBlock != 0)
                Join(_previous[channel].AsSpan(0, _previousBlock / 2), _block.AsSpan(0, block / 2), interleaved, channel);
            _block.AsSpan(block / 2, block / 2).CopyTo(_previous[channel]);
        }
        _previousBlock = block;
        Reorder(interleaved, Channels);
    }

    T[][] Arrays<T>(int length) => [.. Enumerable.Range(0, Channels).Select(_ => new T[length])];

    /// <summary>The rising half of a window (section 1.3.2).</summary>
    static float[] Slope(int length) =>
        [.. Enumerable.Range(0, length)
            .Select(i => (float)Math.Sin(Math.PI / 2 * Math.Pow(Math.Sin((i + 0.5) / length * Math.PI / 2), 2)))];

    /// <summary>Multiplies a rising half block: silence, the slope in its middle, and nothing changed.</summary>
    static void Window(Span<float> half, float[] slope)
    {
        var before = (half.Length - slope.Length) / 2;
        half[..before].Clear();
        for (var i = 0; i < slope.Length; i++) half[before + i] *= slope[i];
    }

    /// <summary>Adds the halves of two blocks, whose quarters stand at one time.</summary>
    void Join(ReadOnlySpan<float> previous, ReadOnlySpan<float> current, Span<float> interleaved, int channel)
    {
        var frames = (previous.Length + current.Length) / 2;
        // Where the current half begins among the frames, which begin with the previous half.
        var at = (previous.Length - current.Length) / 2;
        for (var i = 0; i < frames; i++)
        {
            var sample = 0f;
            var c = i - at;
            if (i < previous.Length) sample += previous[i];
            if (c >= 0 && c < current.Length) sample += current[c];
            interleaved[(i * Channels) + channel] = sample;
        }
    }

    /// <summary>The packet's mode, with its bits behind it; null where it is no packet of sound.</summary>
    (bool IsLong, VorbisMapping Mapping)? ReadMode(ReadOnlySpan<byte> packet, out VorbisBits bits)
    {
        bits = new VorbisBits(packet);
        if (bits.ReadFlag()) return null;
        var mode = (int)bits.Read(VorbisSetup.Width(_setup!.Modes.Length - 1));
        return bits.IsOver || mode >= _setup.Modes.Length ? null : _setup.Modes[mode];
    }

    void ReadSpectra(ref VorbisBits bits, VorbisMapping mapping, int length)
    {
        Span<bool> hasFloor = stackalloc bool[AudioLimits.MaxChannels];
        for (var channel = 0; channel < Channels; channel++)
        {
            hasFloor[channel] = mapping.Parts[mapping.Submaps[channel]].Floor.Read(ref bits, _heights[channel]);
            _isSilent[channel] = !hasFloor[channel];
            _spectra[channel].AsSpan(0, length).Clear();
        }
        // Of coupled channels both are stored where one is.
        foreach (var (magnitude, angle) in mapping.Couplings)
        {
            if (!_isSilent[magnitude] || !_isSilent[angle]) _isSilent[magnitude] = _isSilent[angle] = false;
        }
        for (var part = 0; part < mapping.Parts.Length; part++) ReadPart(ref bits, mapping, part, length);
        for (var i = mapping.Couplings.Length - 1; i >= 0; i--)
            Uncouple(_spectra[mapping.Couplings[i].Magnitude], _spectra[mapping.Couplings[i].Angle], length);
        for (var channel = 0; channel < Channels; channel++)
        {
            var spectrum = _spectra[channel].AsSpan(0, length);
            if (hasFloor[channel]) mapping.Parts[mapping.Submaps[channel]].Floor.Apply(_heights[channel], spectrum);
            else spectrum.Clear();
        }
    }

    void ReadPart(ref VorbisBits bits, VorbisMapping mapping, int part, int length)
    {
        var channels = mapping.ChannelsOf[part];
        mapping.Parts[part].Residue.Read(
            ref bits, [.. channels.Select(channel => _spectra[channel])], [.. channels.Select(channel => _isSilent[channel])], length);
    }

    /// <summary>Square polar coupling (section 4.3.5).</summary>
    static void Uncouple(Span<float> magnitude, Span<float> angle, int length)
    {
        for (var i = 0; i < length; i++)
        {
            var (m, a) = (magnitude[i], angle[i]);
            (magnitude[i], angle[i]) = (m > 0, a > 0) switch
            {
                (true, true) => (m, m - a),
                (true, false) => (m + a, m),
                (false, true) => (m, m + a),
                _ => (m - a, m),
            };
        }
    }
}
