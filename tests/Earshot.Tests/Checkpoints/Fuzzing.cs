using System.Buffers.Binary;

namespace Earshot.Checkpoints;

/// <summary>Files of numbers, damaged where it tells.</summary>
static class Fuzzing
{
    const int UsualSeed = 20261130;

    // What lengths, counts and types are turned into.
    static readonly ulong[] s_telling =
    [
        0, 1, 2, 9, 31, 33, 0x7F, 0xFF, 0x7FFF, 0xFFFF, int.MaxValue, 0x8000_0000, uint.MaxValue, 1UL << 40, long.MaxValue, 1UL << 63,
        ulong.MaxValue,
    ];

    /// <summary>How often damaged files are tried, by one seed.</summary>
    public static IEnumerable<Random> Tries(int usual) => FuzzRounds.Of(usual, UsualSeed);

    /// <summary>A file in which a number of 4 or 8 bytes, not far from the beginning, is another.</summary>
    public static byte[] WithNumber(byte[] original, Random random)
    {
        var bytes = (byte[])original.Clone();
        int at = random.Next(Math.Min(bytes.Length - 8, random.Next(2) == 0 ? 64 : bytes.Length));
        ulong number = s_telling[random.Next(s_telling.Length)];
        if (random.Next(2) == 0) BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), number);
        else BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), (uint)number);
        return bytes;
    }
}
