using System.Buffers.Binary;
using System.Globalization;

namespace Earshot.Audio;

/// <summary>
/// FLAC (RFC 9639): every subframe type, 4 to 32 bits, up to 8 channels. Each frame's check sums are verified as it is
/// read, the number of samples and the MD5 of them all at the end, where the header gives them. A damaged frame becomes silence
/// of its length, which the number in the next frame tells.
/// </summary>
public sealed class FlacReader : AudioReader
{
    readonly ByteSource _source;
    readonly FlacBits _bits;
    readonly FlacStreamInfo _info;
    readonly FlacMd5? _md5;
    readonly float _scale;
    long[][] _block = [];
    float[] _interleaved = [];
    byte[] _packed = [];
    int _from;
    int _to;
    long _silence;
    bool _ended;

    // What the frames' own numbers are counted from, when one has been read; and the block size that their counts stand for.
    long? _origin;
    int _blockSize;

    // Samples given or about to be, and whether some of them are silence that stands in for others.
    long _decoded;
    bool _damaged;
    long _readInVain;

    /// <summary>Reads the metadata from a stream, which the reader then owns.</summary>
    /// <exception cref="AudioFormatException">The stream is not FLAC, or its metadata is damaged.</exception>
    public FlacReader(Stream stream, string name, AudioReadOptions? options = null) : this(new ByteSource(stream, name), options) { }

    internal FlacReader(ByteSource source, AudioReadOptions? options = null) : base(source.Name, options)
    {
        _source = source;
        _info = FlacStreamInfo.Read(source);
        _blockSize = _info.BlockSize;
        _bits = new FlacBits(source);
        _scale = 1f / (1L << (_info.BitsPerSample - 1));
        // An MD5 of zeros says that the encoder gave none. It is the format's own check of integrity, no matter of security.
        if (_info.Md5.AsSpan().ContainsAnyExcept((byte)0)) _md5 = new FlacMd5();
    }

    public override string Format => $"FLAC, {_info.BitsPerSample}-bit";

    public override int SampleRate => _info.SampleRate;

    public override int Channels => _info.Channels;

    public override long? TotalFrames => _info.TotalFrames == 0 ? null : _info.TotalFrames;

    protected override int ReadFrames(Span<float> interleaved)
    {
        if (_silence == 0 && _from == _to && !ReadBlock()) return 0;
        if (_silence > 0)
        {
            var silent = (int)Math.Min(interleaved.Length / Channels, _silence);
            interleaved[..(silent * Channels)].Clear();
            _silence -= silent;
            return silent;
        }
        var frames = Math.Min(interleaved.Length / Channels, _to - _from);
        _interleaved.AsSpan(_from * Channels, frames * Channels).CopyTo(interleaved);
        _from += frames;
        return frames;
    }

    protected override void Dispose(bool disposing)
    {
        _source.Dispose();
    }

    /// <summary>Decodes the next frame, passing over what cannot be decoded; false at the end of the stream.</summary>
    bool ReadBlock()
    {
        if (_ended) return false;
        if (AtEnd()) return End();
        AudioFormatException? cause = null;
        var from = _bits.Position;
        while (true)
        {
            try
            {
                var at = _bits.Position;
                _bits.StartFrame();
                Accept(ReadFrame(at), cause, at - from);
                return true;
            }
            catch (AudioFormatException e) when (!Options.Strict)
            {
                cause ??= e;
                RefuseHopeless();
                if (!_bits.SeekSync()) return EndAfter(cause, from);
            }
        }
    }

    /// <exception cref="AudioFormatException">The frame is damaged.</exception>
    FlacFrameHeader ReadFrame(long at)
    {
        var header = FlacFrameHeader.Read(_bits, _info, Name);
        Reserve(header.BlockSize);
        ReadSubframes(header);
        _bits.Align();
        var computed = _bits.Crc;
        var stored = _bits.Read(16);
        if (stored != computed)
            throw new AudioFormatException(
                $"'{Name}': the FLAC frame at byte {at} has check sum {computed:X4}; expected {stored:X4}. " +
                "The file is damaged: copy or download it again.");
        Interleave(header.BlockSize, at);
        return header;
    }

    /// <summary>Takes a frame that was read, after the silence that its number asks for.</summary>
    /// <param name="cause">Why frames before it could not be read, where that is so.</param>
    /// <param name="skipped">The bytes that were passed over.</param>
    void Accept(FlacFrameHeader header, AudioFormatException? cause, long skipped)
    {
        if (_blockSize == 0) _blockSize = header.BlockSize;
        var number = header.IsVariable ? header.Number : header.Number * _blockSize;
        // A stream may be cut out of a longer one; where its own beginning is damaged, it begins at 0.
        _origin ??= cause is null ? number : 0;
        var gap = number - _origin.Value - _decoded;
        if (gap < 0 || gap > MostFrames(cause is null, skipped)) (_origin, gap) = (number - _decoded, 0);
        if (cause is not null || gap > 0) WarnLost(cause, gap);
        _silence = gap;
        Hash(header.BlockSize);
        (_from, _to) = (0, header.BlockSize);
        _decoded += gap + header.BlockSize;
    }

    /// <summary>
    /// The most samples that may have stood in a place: of frames that are missing altogether, or in bytes that were passed over.
    /// </summary>
    long MostFrames(bool isClean, long skipped)
    {
        const int ShortestFrame = 10;
        var most = (long)(AudioLimits.MaxGap.TotalSeconds * SampleRate);
        if (!isClean) most = Math.Min(most, 65535 * ((skipped / ShortestFrame) + 1));
        return _info.TotalFrames > 0 ? Math.Min(most, _info.TotalFrames - _decoded) : most;
    }

    void WarnLost(AudioFormatException? cause, long gap)
    {
        _damaged = true;
        var why = cause is null ? "FLAC frames are missing." : Cause(cause);
        Warn(
            AudioWarningKind.Damaged,
            string.Create(CultureInfo.InvariantCulture, $"{why} Silence of {(double)gap / SampleRate:0.00} s stands in for what is lost."),
            TimeOf(_decoded));
    }

    string Cause(AudioFormatException e) => e.Message[(Name.Length + "'': ".Length)..];

    /// <summary>A hostile file could make every byte begin a long frame that proves wrong at its end.</summary>
    void RefuseHopeless()
    {
        const long Patience = 64L * 1024 * 1024;
        _readInVain += _bits.FrameLength;
        if (_readInVain > Patience + (8 * _bits.Position))
            throw new AudioFormatException(
                $"'{Name}': the FLAC stream is damaged nearly everywhere before byte {_bits.Position}. Copy or download it again.");
    }

    /// <summary>Whether no frame follows: nothing does, or all samples are there, or a tag stands where a frame would.</summary>
    bool AtEnd()
    {
        if (_info.TotalFrames > 0 && _decoded >= _info.TotalFrames) return true;
        var next = _bits.PeekBytes(8);
        return next.IsEmpty || next.StartsWith("TAG"u8) || next.StartsWith("ID3"u8) || next.SequenceEqual("APETAGEX"u8)
            || next.SequenceEqual("LYRICSBE"u8);
    }

    bool End()
    {
        _ended = true;
        if (_info.TotalFrames > 0 && _decoded != _info.TotalFrames)
            Warn(
                AudioWarningKind.Truncated,
                $"the FLAC stream ends after {_decoded} samples; expected {_info.TotalFrames}. " +
                "The file is truncated: copy or download it again.", TimeOf(_decoded));
        else
            VerifyMd5();
        return false;
    }

    /// <summary>The end of a stream in whose last bytes no frame was found.</summary>
    bool EndAfter(AudioFormatException cause, long from)
    {
        _ended = true;
        var missing = _info.TotalFrames - _decoded;
        var lost = missing > 0
            ? string.Create(CultureInfo.InvariantCulture, $"The last {(double)missing / SampleRate:0.0} s are missing.")
            : $"No frame follows in the {_bits.Position - from} bytes from there.";
        Warn(AudioWarningKind.Truncated, $"{Cause(cause)} {lost}", TimeOf(_decoded));
        return false;
    }

    void ReadSubframes(FlacFrameHeader header)
    {
        for (var channel = 0; channel < header.Channels; channel++)
        {
            var isSide = (header.Stereo, channel) is (FlacStereo.LeftSide or FlacStereo.MidSide, 1) or (FlacStereo.SideRight, 0);
            FlacSubframe.Read(_bits, _block[channel].AsSpan(0, header.BlockSize), _info.BitsPerSample + (isSide ? 1 : 0), Name);
        }
        if (header.Stereo != FlacStereo.Independent)
            Decorrelate(header.Stereo, _block[0].AsSpan(0, header.BlockSize), _block[1].AsSpan(0, header.BlockSize));
    }

    /// <summary>Turns what was stored into left and right (section 4.2).</summary>
    static void Decorrelate(FlacStereo stereo, Span<long> first, Span<long> second)
    {
        for (var i = 0; i < first.Length; i++)
        {
            var (a, b) = (first[i], second[i]);
            (first[i], second[i]) = stereo switch
            {
                FlacStereo.LeftSide => (a, a - b),
                FlacStereo.SideRight => (a + b, b),
                // The mid channel lost its lowest bit, which is the side's.
                _ => (((a << 1) + (b & 1) + b) >> 1, ((a << 1) + (b & 1) - b) >> 1),
            };
        }
    }

    void Interleave(int blockSize, long at)
    {
        var channels = Channels;
        var limit = 1L << (_info.BitsPerSample - 1);
        for (var channel = 0; channel < channels; channel++)
        {
            var samples = _block[channel].AsSpan(0, blockSize);
            var outside = false;
            for (int i = 0, to = channel; i < samples.Length; i++, to += channels)
            {
                outside |= samples[i] < -limit || samples[i] >= limit;
                _interleaved[to] = samples[i] * _scale;
            }
            if (outside)
                throw new AudioFormatException(
                    $"'{Name}': the FLAC frame at byte {at} decodes to samples beyond {_info.BitsPerSample} bits. " +
                    "The file is damaged: copy or download it again.");
        }
    }

    /// <summary>The MD5 is of the samples interleaved, little-endian, in as few whole bytes as hold them (section 8.2).</summary>
    void Hash(int blockSize)
    {
        if (_md5 is null) return;
        var width = (_info.BitsPerSample + 7) / 8;
        Span<byte> word = stackalloc byte[8];
        for (var channel = 0; channel < Channels; channel++)
        {
            var samples = _block[channel].AsSpan(0, blockSize);
            for (int i = 0, to = channel * width; i < samples.Length; i++, to += Channels * width)
            {
                if (width == 2)
                {
                    BinaryPrimitives.WriteInt16LittleEndian(_packed.AsSpan(to), (short)samples[i]);
                    continue;
                }
                BinaryPrimitives.WriteInt64LittleEndian(word, samples[i]);
                word[..width].CopyTo(_packed.AsSpan(to));
            }
        }
        _md5.Append(_packed.AsSpan(0, blockSize * Channels * width));
    }

    void VerifyMd5()
    {
        if (_md5 is null || _damaged) return;
        var computed = _md5.Complete();
        if (!computed.AsSpan().SequenceEqual(_info.Md5))
            Warn(
                AudioWarningKind.Damaged,
                $"the decoded samples have MD5 {Convert.ToHexString(computed)}; expected {Convert.ToHexString(_info.Md5)}. " +
                "The file is not what was encoded: copy or download it again.", position: null);
    }

    void Reserve(int blockSize)
    {
        if (_block.Length > 0 && _block[0].Length >= blockSize) return;
        _block = [.. Enumerable.Range(0, Channels).Select(_ => new long[blockSize])];
        _interleaved = new float[blockSize * Channels];
        _packed = new byte[blockSize * Channels * 4];
    }
}
