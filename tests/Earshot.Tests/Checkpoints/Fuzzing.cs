using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;

namespace Earshot.Checkpoints;

/// <summary>
/// How long damaged files are tried: a fixed number of times by a fixed seed, or EARSHOT_FUZZ_SECONDS by EARSHOT_FUZZ_SEED.
/// </summary>
static class Fuzzing
{
    const int UsualSeed = 20261130;

    // What lengths, counts and types are turned into.
    static readonly ulong[] s_telling =
    [
        0, 1, 2, 9, 31, 33, 0x7F, 0xFF, 0x7FFF, 0xFFFF, int.MaxValue, 0x8000_0000, uint.MaxValue, 1UL << 40, long.MaxValue, 1UL << 63,
        ulong.MaxValue,
    ];

    /// <summary>The same random numbers once for each try.</summary>
    public static IEnumerable<Random> Tries(int usual)
    {
        int? seconds = Number("EARSHOT_FUZZ_SECONDS");
        var random = new Random(Number("EARSHOT_FUZZ_SEED") ?? (seconds is null ? UsualSeed : Environment.TickCount & int.MaxValue));
        var watch = Stopwatch.StartNew();
        for (int tries = 0; seconds is { } limit ? watch.Elapsed.TotalSeconds < limit : tries < usual; tries++) yield return random;
    }

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

    static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.Integer, CultureInfo.InvariantCulture, out int number)
            ? number
            : null;
}
