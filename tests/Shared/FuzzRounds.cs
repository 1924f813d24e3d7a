using System.Diagnostics;
using System.Globalization;

namespace Earshot.Testing;

/// <summary>
/// How often a fuzz test tries: a fixed number by a fixed seed, or, with EARSHOT_FUZZ_SECONDS, as often as fits into so many seconds, by
/// EARSHOT_FUZZ_SEED or a seed of the clock's.
/// </summary>
internal static class FuzzRounds
{
    public static bool IsLong => Number("EARSHOT_FUZZ_SECONDS") is not null;

    /// <summary>The same generator for each round; a failure's message should name what it made.</summary>
    public static IEnumerable<Random> Of(int usual, int usualSeed)
    {
        var seconds = Number("EARSHOT_FUZZ_SECONDS");
        int seed = Number("EARSHOT_FUZZ_SEED") ?? (seconds is null ? usualSeed : Environment.TickCount & int.MaxValue);
        TestContext.Current.TestOutputHelper?.WriteLine($"EARSHOT_FUZZ_SEED={seed}");
        var random = new Random(seed);
        var watch = Stopwatch.StartNew();
        for (int round = 0; seconds is { } limit ? watch.Elapsed.TotalSeconds < limit : round < usual; round++) yield return random;
    }

    static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.Integer, CultureInfo.InvariantCulture, out int number)
            ? number
            : null;
}
