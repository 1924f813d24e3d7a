using System.Globalization;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;

namespace Earshot.Cli.Benchmarks;

/// <summary>A setting to measure.</summary>
/// <param name="AsSaved">Whether matrices are computed in what they are saved in; the options' format is that of all others.</param>
/// <param name="ScalesFrom">The name of the setting with the fewest threads beside it; null where threads are not compared.</param>
internal sealed record BenchSetting(string Name, CpuOptions Options, bool AsSaved = false, string? ScalesFrom = null)
{
    public int Threads => Options.Threads ?? ProcessorCores.Count;
}

/// <summary>Every combination of the formats, instruction sets and numbers of threads asked for.</summary>
internal static class BenchSettings
{
    const int MostThreads = 1024;

    /// <summary>The setting in which each matrix is computed in what it is saved in.</summary>
    public const string Saved = "saved";

    static readonly Dictionary<string, WeightFormat> s_formats = CpuDevice.Formats.ToDictionary(
        format => format.Name, StringComparer.OrdinalIgnoreCase);

    /// <summary>Formats that stand beside other engines: theirs are float32 and int8, and ours the machine's own beside.</summary>
    public static string[] DefaultsBesidePeers =>
        [.. ((WeightFormat[])[WeightFormat.F32, CpuDevice.PreferredWeights(), WeightFormat.Int8]).Select(format => format.Name).Distinct()];

    /// <exception cref="UsageException">A name is not known, or a number is none.</exception>
    public static IReadOnlyList<BenchSetting> Parse(string[] weights, string[] sets, string[] threads)
    {
        var settings = new List<BenchSetting>();
        int?[] counts = threads.Length == 0 ? [null] : [.. threads.Select(Count).Distinct().Select(count => (int?)count)];
        int? fewest = counts.Length > 1 ? counts.Min() : null;
        foreach (var set in Sets(sets))
        {
            var preferred = CpuDevice.PreferredWeights(set);
            foreach (var wish in weights.Length == 0 ? [preferred.Name] : weights)
            {
                bool saved = wish.Equals(Saved, StringComparison.OrdinalIgnoreCase);
                var format = saved ? preferred : Known(s_formats, wish, "--weights");
                var shown = saved ? Saved : format.Name;
                var name = set is { } named ? $"{shown} {InstructionSets.NameOf(named)}" : shown;
                foreach (int? count in counts)
                {
                    var options = new CpuOptions { Weights = format, InstructionSet = set, Threads = count };
                    settings.Add(new BenchSetting(Name(name, count), options, saved, fewest is null ? null : Name(name, fewest)));
                }
            }
        }
        return settings;

        string Name(string setting, int? count) =>
            counts.Length < 2
                ? setting
                : string.Create(CultureInfo.InvariantCulture, $"{setting}, {count} thread{(count == 1 ? "" : "s")}");
    }

    static IEnumerable<InstructionSet?> Sets(string[] names) =>
        names.Length == 0 ? [null] : names.Select(name => (InstructionSet?)Known(InstructionSets.Names, name, "--isa"));

    static int Count(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count is >= 1 and <= MostThreads
            ? count
            : throw new UsageException($"--threads has '{text}'; expected whole numbers from 1 to {MostThreads}, such as 1,2,4.");

    static T Known<T>(IReadOnlyDictionary<string, T> known, string name, string option) =>
        known.TryGetValue(name, out var value)
            ? value
            : throw new UsageException($"{option} has '{name}'; expected some of {string.Join(", ", known.Keys)}.");
}
