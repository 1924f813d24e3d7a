using System.Buffers.Binary;
using System.Numerics;

namespace Earshot.Audio;

/// <summary>Reads bits, highest first, and keeps the CRC-16 of the frame they belong to.</summary>
internal sealed class FlacBits
{
    // Beyond the data stand eight bytes, so that a whole word can be read anywhere.
    const int Slack = 8;

    const int UsualLength = 32 * 1024;

    // More than the longest frame: 65,535 samples of 8 channels and 32 bits, stored as they are.
    const int MaxLength = 4 * 1024 * 1024;

    readonly ByteSource _source;
    byte[] _buffer = new byte[UsualLength + Slack];
    long _base;
    long _frame;
    int _length;
    int _bit;
    int _checkedTo;
    ushort _crc;
    bool _ended;

    public FlacBits(ByteSource source)
    {
        _source = source;
        _frame = _base = source.Position;
    }

    /// <summary>The current byte's place in the source.</summary>
    public long Position => _base + (_bit >> 3);

    /// <summary>Bytes read since the frame's start.</summary>
    public long FrameLength => Position - _frame;

    /// <summary>The CRC-16 of the bytes since <see cref="StartFrame"/>; the reader must stand at a byte's start.</summary>
    public ushort Crc
    {
        get
        {
            UpdateCrc();
            return _crc;
        }
    }

    /// <summary>Starts a frame here: its CRC-16, and its bytes are kept until the next one starts.</summary>
    public void StartFrame()
    {
        _crc = 0;
        _checkedTo = _bit >> 3;
        _frame = Position;
    }

    /// <summary>
    /// Goes back to the second byte of the frame that was started last and on from there to the next two bytes that may begin a
    /// frame, or to the end; false at the end.
    /// </summary>
    public bool SeekSync()
    {
        // What an absurdly long frame has pushed out of the buffer is passed over.
        _bit = (int)Math.Max(0, _frame + 1 - _base) << 3;
        _frame = Position;
        (_crc, _checkedTo) = (0, _bit >> 3);
        while (true)
        {
            Fill();
            var at = _bit >> 3;
            if (_length - at < 2)
            {
                _bit = _length << 3;
                return false;
            }
            var found = _buffer.AsSpan(at, _length - at).IndexOf((byte)0xFF);
            if (found < 0) found = _length - at - 1;
            _bit += found << 3;
            _frame = Position;
            Fill();
            at = _bit >> 3;
            if (_length - at >= 2 && _buffer[at] == 0xFF && (_buffer[at + 1] & 0xFE) == 0xF8) return true;
            if (_length - at >= 1) _bit += 8;
            _frame = Position;
        }
    }

    /// <summary>The next whole bytes without consuming them, fewer at the end; at a byte's start, up to eight.</summary>
    public ReadOnlySpan<byte> PeekBytes(int count)
    {
        Fill();
        var at = _bit >> 3;
        return _buffer.AsSpan(at, Math.Min(count, _length - at));
    }

    /// <summary>Reads up to 32 bits as an unsigned number.</summary>
    public uint Read(int count)
    {
        if (count == 0) return 0;
        Fill();
        var value = (uint)(Word() >> (64 - count));
        Advance(count);
        return value;
    }

    /// <summary>Reads up to 33 bits as a signed number.</summary>
    public long ReadSigned(int count)
    {
        if (count == 0) return 0;
        Fill();
        var value = (long)Word() >> (64 - count);
        Advance(count);
        return value;
    }

    /// <summary>Counts zeros up to a one, which is consumed too.</summary>
    /// <param name="limit">More zeros than this are damage.</param>
    public int ReadUnary(int limit)
    {
        var zeros = 0;
        while (true)
        {
            Fill();
            var run = BitOperations.LeadingZeroCount(Word());
            // Of the word, the bits pushed in from the right are no data.
            if (run < 57)
            {
                Advance(run + 1);
                zeros += run;
                return zeros <= limit
                    ? zeros
                    : throw new AudioFormatException(
                        $"'{_source.Name}': a FLAC code at byte {Position} is longer than any encoder writes. " +
                        "The file is damaged: copy or download it again.");
            }
            Advance(56);
            zeros += 56;
            if (zeros > limit)
            {
                throw new AudioFormatException(
                    $"'{_source.Name}': a FLAC code at byte {Position} is longer than any encoder writes. " +
                    "The file is damaged: copy or download it again.");
            }
        }
    }

    /// <summary>
    /// Reads Rice codes of one parameter: the quotient in unary, the remainder in bits, signs folded into the lowest bit.
    /// </summary>
    public void ReadRice(Span<long> residuals, int parameter, int limit)
    {
        for (var i = 0; i < residuals.Length; i++)
        {
            Fill();
            var word = Word();
            var zeros = BitOperations.LeadingZeroCount(word);
            ulong folded;
            if (zeros + 1 + parameter <= 57)
            {
                // The usual case: the whole code stands in one word; (>> 1 >> …) because a shift by 64 is none.
                var rest = word << zeros << 1 >> 1 >> (63 - parameter);
                folded = ((ulong)zeros << parameter) | rest;
                Advance(zeros + 1 + parameter);
            }
            else
            {
                folded = (ulong)ReadUnary(limit) << parameter;
                folded |= Read(parameter);
            }
            residuals[i] = (long)(folded >> 1) ^ -(long)(folded & 1);
        }
    }

    /// <summary>Goes to the next byte's start; the bits passed over must be zero.</summary>
    public void Align()
    {
        var over = _bit & 7;
        if (over != 0 && Read(8 - over) != 0)
            throw new AudioFormatException(
                $"'{_source.Name}': the padding of a FLAC frame at byte {Position} is not zero. " +
                "The file is damaged: copy or download it again.");
    }

    ulong Word() => BinaryPrimitives.ReadUInt64BigEndian(_buffer.AsSpan(_bit >> 3)) << (_bit & 7);

    void Advance(int bits)
    {
        _bit += bits;
        if (_bit > _length << 3)
            throw new AudioFormatException(
                $"'{_source.Name}': the FLAC stream ends inside a frame at byte {_base + _length}. " +
                "The file is truncated: copy or download it again.");
    }

    /// <summary>Makes sure that a whole word's data stands in the buffer, or all there is.</summary>
    void Fill()
    {
        if (_length - (_bit >> 3) >= Slack || _ended) return;
        UpdateCrc();
        var gone = (int)Math.Min(_bit >> 3, Math.Max(0, _frame - _base));
        // A frame that is longer than any can be is not kept whole.
        if (_length - gone >= MaxLength) gone = _bit >> 3;
        _buffer.AsSpan(gone, _length - gone).CopyTo(_buffer);
        _length -= gone;
        _base += gone;
        _bit -= gone << 3;
        _checkedTo -= gone;
        if (_buffer.Length - Slack - _length < UsualLength / 2) Array.Resize(ref _buffer, 2 * _buffer.Length);
        while (_length - (_bit >> 3) < Slack && !_ended)
        {
            var read = _source.ReadAtLeast(_buffer.AsSpan(_length, _buffer.Length - Slack - _length), 1);
            _ended = read == 0;
            _length += read;
        }
        _buffer.AsSpan(_length, Slack).Clear();
    }

    void UpdateCrc()
    {
        var to = _bit >> 3;
        _crc = FlacChecksum.Crc16(_crc, _buffer.AsSpan(_checkedTo, to - _checkedTo));
        _checkedTo = to;
    }
}
