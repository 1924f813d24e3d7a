using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Earshot.Audio;

/// <summary>
/// FLAC (RFC 9639): every subframe type, 4 to 32 bits, up to 8 channels. Each frame's check sums are verified as it is
/// read, the number of samples and the MD5 of them all at the end, where the header gives them.
/// </summary>
public sealed class FlacReader : AudioReader
{
    readonly ByteSource _source;
    readonly FlacBits _bits;
    readonly FlacStreamInfo _info;
    readonly IncrementalHash? _md5;
    readonly float _scale;
    long[][] _block = [];
    float[] _interleaved = [];
    byte[] _packed = [];
    int _from;
    int _to;
    long _decoded;
    bool _ended;

    /// <summary>Reads the metadata from a stream, which the reader then owns.</summary>
    /// <exception cref="AudioFormatException">The stream is not FLAC, or its metadata is damaged.</exception>
    public FlacReader(Stream stream, string name) : this(new ByteSource(stream, name)) { }

    internal FlacReader(ByteSource source) : base(source.Name)
    {
        _source = source;
        _info = FlacStreamInfo.Read(source);
        _bits = new FlacBits(source);
        _scale = 1f / (1L << (_info.BitsPerSample - 1));
        // An MD5 of zeros says that the encoder gave none. It is the format's own check of integrity, no matter of security.
        if (_info.Md5.AsSpan().ContainsAnyExcept((byte)0)) _md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
    }

    public override string Format => $"FLAC, {_info.BitsPerSample}-bit";

    public override int SampleRate => _info.SampleRate;

    public override int Channels => _info.Channels;

    public override long? TotalFrames => _info.TotalFrames == 0 ? null : _info.TotalFrames;

    protected override int ReadFrames(Span<float> interleaved)
    {
        if (_from == _to && !ReadBlock()) return 0;
        var frames = Math.Min(interleaved.Length / Channels, _to - _from);
        _interleaved.AsSpan(_from * Channels, frames * Channels).CopyTo(interleaved);
        _from += frames;
        return frames;
    }

    protected override void Dispose(bool disposing)
    {
        _md5?.Dispose();
        _source.Dispose();
    }

    /// <summary>Decodes the next frame; false at the end of the stream.</summary>
    bool ReadBlock()
    {
        if (_ended) return false;
        if (AtEnd())
        {
            _ended = true;
            VerifyWhole();
            return false;
        }
        var at = _bits.Position;
        _bits.StartCrc();
        var header = FlacFrameHeader.Read(_bits, _info, Name);
        Reserve(header.BlockSize);
        ReadSubframes(header);
        _bits.Align();
        var computed = _bits.Crc;
        var stored = _bits.Read(16);
        if (stored != computed)
            throw new AudioFormatException($"'{Name}': the FLAC frame at byte {at} has check sum {computed:X4}; expected {stored:X4}. The file is damaged: copy or download it again.");
        Interleave(header.BlockSize, at);
        Hash(header.BlockSize);
        (_from, _to) = (0, header.BlockSize);
        _decoded += header.BlockSize;
        return true;
    }

    /// <summary>Whether no frame follows: nothing does, or all samples are there, or an ID3v1 tag stands where a frame would.</summary>
    bool AtEnd()
    {
        if (_info.TotalFrames > 0 && _decoded >= _info.TotalFrames) return true;
        var next = _bits.PeekBytes(3);
        return next.IsEmpty || next.SequenceEqual("TAG"u8);
    }

    void ReadSubframes(FlacFrameHeader header)
    {
        for (var channel = 0; channel < header.Channels; channel++)
        {
            var isSide = (header.Stereo, channel) is (FlacStereo.LeftSide or FlacStereo.MidSide, 1) or (FlacStereo.SideRight, 0);
            FlacSubframe.Read(_bits, _block[channel].AsSpan(0, header.BlockSize), _info.BitsPerSample + (isSide ? 1 : 0), Name);
        }
        if (header.Stereo != FlacStereo.Independent) Decorrelate(header.Stereo, _block[0].AsSpan(0, header.BlockSize), _block[1].AsSpan(0, header.BlockSize));
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
                throw new AudioFormatException($"'{Name}': the FLAC frame at byte {at} decodes to samples beyond {_info.BitsPerSample} bits. The file is damaged: copy or download it again.");
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
        _md5.AppendData(_packed, 0, blockSize * Channels * width);
    }

    void VerifyWhole()
    {
        if (_info.TotalFrames > 0 && _decoded != _info.TotalFrames)
            throw new AudioFormatException($"'{Name}': the FLAC stream ends after {_decoded} samples; expected {_info.TotalFrames}. The file is truncated: copy or download it again.");
        if (_md5 is null) return;
        var computed = _md5.GetHashAndReset();
        if (!computed.AsSpan().SequenceEqual(_info.Md5))
            throw new AudioFormatException($"'{Name}': the decoded samples have MD5 {Convert.ToHexString(computed)}; expected {Convert.ToHexString(_info.Md5)}. The file is damaged: copy or download it again.");
    }

    void Reserve(int blockSize)
    {
        if (_block.Length > 0 && _block[0].Length >= blockSize) return;
        _block = [.. Enumerable.Range(0, Channels).Select(_ => new long[blockSize])];
        _interleaved = new float[blockSize * Channels];
        _packed = new byte[blockSize * Channels * 4];
    }
}
