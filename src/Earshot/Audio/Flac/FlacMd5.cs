using System.Buffers.Binary;
using System.Numerics;

namespace Earshot.Audio;

/// <summary>
/// The MD5 that FLAC checks its samples by, after RFC 1321. Of our own, since the system's needs a cryptographic library to be installed,
/// and this is no matter of security.
/// </summary>
sealed class FlacMd5
{
    const int BlockLength = 64;

    static readonly uint[] s_sines =
    [
        .. Enumerable.Range(1, BlockLength).Select(i => (uint)Math.Floor(Math.Abs(Math.Sin(i)) * 4294967296.0))
    ];

    static ReadOnlySpan<byte> Rotations => [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];

    readonly uint[] _state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476];
    readonly byte[] _rest = new byte[BlockLength];
    long _length;

    /// <summary>Takes more bytes.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        int held = (int)(_length % BlockLength);
        _length += bytes.Length;
        if (held > 0)
        {
            int taken = Math.Min(BlockLength - held, bytes.Length);
            bytes[..taken].CopyTo(_rest.AsSpan(held));
            bytes = bytes[taken..];
            if (held + taken < BlockLength) return;
            Digest(_rest);
        }
        for (; bytes.Length >= BlockLength; bytes = bytes[BlockLength..]) Digest(bytes[..BlockLength]);
        bytes.CopyTo(_rest);
    }

    /// <summary>The 16 bytes of the hash; nothing can be added after it.</summary>
    public byte[] Complete()
    {
        long bits = _length * 8;
        int padding = BlockLength - (int)((_length + 8) % BlockLength);
        Span<byte> end = stackalloc byte[BlockLength + 8];
        end.Clear();
        end[0] = 0x80;
        BinaryPrimitives.WriteInt64LittleEndian(end[padding..], bits);
        Append(end[..(padding + 8)]);
        var hash = new byte[16];
        for (int i = 0; i < _state.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(hash.AsSpan(4 * i), _state[i]);
        return hash;
    }

    void Digest(ReadOnlySpan<byte> block)
    {
        Span<uint> words = stackalloc uint[16];
        for (int i = 0; i < words.Length; i++) words[i] = BinaryPrimitives.ReadUInt32LittleEndian(block[(4 * i)..]);
        var (a, b, c, d) = (_state[0], _state[1], _state[2], _state[3]);
        for (int i = 0; i < BlockLength; i++)
        {
            var (mixed, word) = (i / 16) switch
            {
                0 => ((b & c) | (~b & d), i),
                1 => ((d & b) | (~d & c), (5 * i) + 1),
                2 => (b ^ c ^ d, (3 * i) + 5),
                _ => (c ^ (b | ~d), 7 * i),
            };
            uint sum = a + mixed + s_sines[i] + words[word % 16];
            (a, d, c, b) = (d, c, b, b + BitOperations.RotateLeft(sum, Rotations[(4 * (i / 16)) + (i % 4)]));
        }
        _state[0] += a;
        _state[1] += b;
        _state[2] += c;
        _state[3] += d;
    }
}
