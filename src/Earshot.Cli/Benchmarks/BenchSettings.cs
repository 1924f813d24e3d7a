using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;

namespace Earshot.Cli.Benchmarks;

/// <summary>A setting to measure.</summary>
internal sealed record BenchSetting(string Name, CpuOptions Options);

/// <summary>Every combination of the formats and instruction sets asked for.</summary>
internal static class BenchSettings
{
    static readonly Dictionary<string, WeightFormat> s_formats = CpuDevice.Formats.ToDictionary(
        format => format.Name, StringComparer.OrdinalIgnoreCase);

    /// <exception cref="UsageException">A name is not known.</exception>
    public static IReadOnlyList<BenchSetting> Parse(string[] weights, string[] sets, int? threads)
    {
        var settings = new List<BenchSetting>();
        foreach (var set in sets.Length == 0 ? [null] : sets.Select(name => (InstructionSet?)Known(InstructionSets.Names, name, "--isa")))
        {
            var formats = weights.Length == 0
                ? [CpuDevice.PreferredWeights(set)]
                : weights.Select(name => Known(s_formats, name, "--weights"));
            foreach (var format in formats)
            {
                settings.Add(new BenchSetting(
                    set is { } named ? $"{format} {InstructionSets.Names.First(pair => pair.Value == named).Key}" : format.Name,
                    new CpuOptions { Weights = format, InstructionSet = set, Threads = threads }));
            }
        }
        return settings;
    }

    static T Known<T>(IReadOnlyDictionary<string, T> known, string name, string option) =>
        known.TryGetValue(name, out var value)
            ? value
            : throw new UsageException($"{option} has '{name}'; expected some of {string.Join(", ", known.Keys)}.");
}
