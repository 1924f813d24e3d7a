using System.Buffers.Binary;
using System.Numerics;

namespace Earshot.Audio;

/// <summary>
/// Writes one channel of 16 bits as FLAC (RFC 9639), frame by frame, so that a file can be read as far as it was written: fixed predictors
/// up to the second order, one Rice parameter a frame. Floats are scaled by 32768, rounded to the nearest, and clipped.
/// </summary>
public sealed class FlacWriter
{
    const int BlockSize = 4096, StreamInfoLength = 34, Header = 8;
    const int MostFixedOrder = 2, MostRice = 14;

    readonly Stream _stream;
    readonly int _sampleRate;
    readonly long _start;
    readonly int[] _block = new int[BlockSize];
    readonly int[] _residual = new int[BlockSize];
    readonly byte[] _frame = new byte[(BlockSize * 4) + 64];
    readonly byte[] _samples = new byte[2 * BlockSize];
    readonly FlacMd5 _md5 = new();
    int _filled;
    long _frames, _written;
    bool _closed;

    // Bits on their way into the frame, the first on the left.
    ulong _bits;
    int _bitCount, _length;

    /// <summary>
    /// Writes to a stream, which stays the caller's; where it is seekable, the header gets length and checksum at the end.
    /// </summary>
    public FlacWriter(Stream stream, int sampleRate)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentOutOfRangeException.ThrowIfLessThan(sampleRate, AudioLimits.MinSampleRate);
        // The header has 20 bits for the rate.
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sampleRate, Math.Min(AudioLimits.MaxSampleRate, (1 << 20) - 1));
        (_stream, _sampleRate) = (stream, sampleRate);
        _start = stream.CanSeek ? stream.Position : 0;
        WriteHeader(default);
    }

    /// <summary>Appends samples; those that are no number become silence.</summary>
    public void Write(ReadOnlySpan<float> samples)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        foreach (float sample in samples)
        {
            float value = Math.Clamp(MathF.Round(sample * 32768), short.MinValue, short.MaxValue);
            _block[_filled++] = float.IsNaN(value) ? 0 : (int)value;
            if (_filled == BlockSize) WriteFrame();
        }
    }

    /// <summary>Writes the last, shorter frame, and the header's length and checksum.</summary>
    public void Complete()
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        if (_filled > 0) WriteFrame();
        _closed = true;
        if (_stream.CanSeek)
        {
            long end = _stream.Position;
            _stream.Position = _start;
            WriteHeader(_md5.Complete());
            _stream.Position = end;
        }
        _stream.Flush();
    }

    void WriteHeader(ReadOnlySpan<byte> md5)
    {
        Span<byte> header = stackalloc byte[Header + StreamInfoLength];
        header.Clear();
        "fLaC"u8.CopyTo(header);
        header[4] = 0x80; // the last block of metadata, of the kind 0
        header[7] = StreamInfoLength;
        var info = header[Header..];
        BinaryPrimitives.WriteUInt16BigEndian(info, BlockSize);
        BinaryPrimitives.WriteUInt16BigEndian(info[2..], BlockSize);
        // Rate (20 bits), channels − 1 (3), bits − 1 (5), samples (36, 0 where not known).
        ulong packed = ((ulong)_sampleRate << 44) | (15UL << 36) | ((ulong)_written & 0xF_FFFF_FFFF);
        BinaryPrimitives.WriteUInt64BigEndian(info[10..], packed);
        md5.CopyTo(info[18..]);
        _stream.Write(header);
    }

    void WriteFrame()
    {
        for (int i = 0; i < _filled; i++) BinaryPrimitives.WriteInt16LittleEndian(_samples.AsSpan(2 * i), (short)_block[i]);
        _md5.Append(_samples.AsSpan(0, 2 * _filled));
        (_length, _bits, _bitCount) = (0, 0, 0);
        bool whole = _filled == BlockSize;
        Put(0xFFF8, 16); // fixed block size
        Put(whole ? 0xC0u : 0x70u, 8); // 4,096 samples or a number below; the rate is the stream's
        Put(0x08, 8); // one channel, 16 bits
        PutNumber(_frames);
        if (!whole) Put((uint)(_filled - 1), 16);
        Put(FlacChecksum.Crc8(_frame.AsSpan(0, _length)), 8);
        PutSubframe();
        if (_bitCount > 0) Put(0, 8 - _bitCount);
        Put(FlacChecksum.Crc16(0, _frame.AsSpan(0, _length)), 16);
        _stream.Write(_frame, 0, _length);
        _frames++;
        _written += _filled;
        _filled = 0;
    }

    void PutSubframe()
    {
        var samples = _block.AsSpan(0, _filled);
        int order = BestOrder(samples);
        var residual = Residual(samples, order);
        var (rice, cost) = BestRice(residual);
        if (cost + (16 * order) >= 16L * samples.Length)
        {
            Put(0x02, 8); // as they are
            foreach (int sample in samples) Put((ushort)sample, 16);
            return;
        }
        Put((uint)(0x10 | (order << 1)), 8);
        foreach (int sample in samples[..order]) Put((ushort)sample, 16);
        Put(0, 6); // Rice parameters of four bits, one partition
        Put((uint)rice, 4);
        foreach (int value in residual)
        {
            uint folded = Fold(value);
            for (uint zeros = folded >> rice; zeros > 0; zeros -= Math.Min(zeros, 24)) Put(0, (int)Math.Min(zeros, 24));
            Put(1, 1);
            if (rice > 0) Put(folded & ((1u << rice) - 1), rice);
        }
    }

    int BestOrder(ReadOnlySpan<int> samples)
    {
        int best = 0;
        long least = long.MaxValue;
        for (int order = 0; order <= Math.Min(MostFixedOrder, samples.Length - 1); order++)
        {
            long sum = 0;
            foreach (int value in Residual(samples, order)) sum += Math.Abs((long)value);
            if (sum < least) (best, least) = (order, sum);
        }
        return best;
    }

    ReadOnlySpan<int> Residual(ReadOnlySpan<int> samples, int order)
    {
        for (int i = order; i < samples.Length; i++)
        {
            _residual[i - order] = order switch
            {
                0 => samples[i],
                1 => samples[i] - samples[i - 1],
                _ => samples[i] - (2 * samples[i - 1]) + samples[i - 2],
            };
        }
        return _residual.AsSpan(0, samples.Length - order);
    }

    static (int Rice, long Bits) BestRice(ReadOnlySpan<int> residual)
    {
        ulong sum = 0;
        foreach (int value in residual) sum += Fold(value);
        int guess = residual.IsEmpty ? 0 : BitOperations.Log2((sum / (ulong)residual.Length) + 1);
        var best = (Rice: 0, Bits: long.MaxValue);
        for (int rice = Math.Max(0, guess - 1); rice <= Math.Min(MostRice, guess + 1); rice++)
        {
            long bits = 0;
            foreach (int value in residual) bits += (Fold(value) >> rice) + 1 + rice;
            if (bits < best.Bits) best = (rice, bits);
        }
        return best;
    }

    static uint Fold(int value) => (uint)((value << 1) ^ (value >> 31));

    /// <summary>A number as UTF-8 writes a character, up to 36 bits.</summary>
    void PutNumber(long number)
    {
        if (number < 0x80)
        {
            Put((uint)number, 8);
            return;
        }
        int more = 1;
        while (number >> ((6 * more) + Math.Max(0, 6 - more)) != 0) more++;
        Put((uint)(((0xFF00 >> (more + 1)) & 0xFF) | (int)(number >> (6 * more))), 8);
        for (int i = more - 1; i >= 0; i--) Put((uint)(0x80 | ((number >> (6 * i)) & 0x3F)), 8);
    }

    void Put(uint value, int count)
    {
        _bits = (_bits << count) | value;
        _bitCount += count;
        while (_bitCount >= 8)
        {
            _bitCount -= 8;
            _frame[_length++] = (byte)(_bits >> _bitCount);
        }
    }
}
