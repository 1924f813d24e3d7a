using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu;

/// <summary>A matrix of a model, for telling what it is computed in.</summary>
/// <param name="Class">What the matrix belongs to, such as encoder, decoder, tokens.</param>
public sealed record ModelMatrix(string Class, string Name, MatrixKind Kind);

/// <summary>
/// What a result was computed with, so that it can be computed again: written into JSON outputs, runs and benchmarks. Programs read this:
/// fields may be added, none changes its meaning.
/// </summary>
public sealed record ComputeSettings
{
    /// <summary>earshot, or ONNX Runtime with its version.</summary>
    public required string Engine { get; init; }

    /// <summary>The instructions in use, such as avx512+bf16+vnni; null where the engine does not tell.</summary>
    public string? Instructions { get; init; }

    public required int Threads { get; init; }

    /// <summary>The kernels' version (<see cref="KernelVersion"/>); null for another engine.</summary>
    public string? Kernels { get; init; }

    /// <summary>Who chose the formats: given (by an option), tuned (measured on this machine), or table (by the instructions).</summary>
    public string? Choice { get; init; }

    /// <summary>
    /// What matrices are computed in by what they belong to; those of a shape (outputs x inputs) that differ from the most of theirs
    /// beside.
    /// </summary>
    public IReadOnlyDictionary<string, string> Formats { get; init; } = new Dictionary<string, string>();

    /// <summary>What keys and values that a decoder attends to are held in; null where the engine does not tell.</summary>
    public string? KeyValues { get; init; }

    /// <summary>In one line for people.</summary>
    public override string ToString()
    {
        var formats = string.Join(", ", Formats.Select(pair => $"{pair.Key} {pair.Value}"));
        return string.Join("; ", new[]
        {
            $"{Engine}{(Kernels is null ? "" : $" {Kernels}")}", Instructions, $"{Threads} thread{(Threads == 1 ? "" : "s")}",
            formats.Length == 0 ? null : $"{formats}{(Choice is null ? "" : $" ({Choice})")}",
            KeyValues is null ? null : $"keys and values {KeyValues}",
        }.Where(part => part is not null));
    }

    /// <summary>Of our own kernels, with a choice of formats and a model's matrices.</summary>
    public static ComputeSettings Of(WeightChoice choice, int? threads, IEnumerable<ModelMatrix> matrices)
    {
        ArgumentNullException.ThrowIfNull(choice);
        ArgumentNullException.ThrowIfNull(matrices);
        var formats = new Dictionary<string, string>();
        bool tuned = false;
        foreach (var group in matrices.GroupBy(matrix => matrix.Class).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            var computed = group.Select(matrix => (matrix.Kind, Format: choice.Of(matrix.Name))).ToList();
            tuned |= computed.Any(matrix => choice.TunedFor(matrix.Kind) is not null);
            var most = computed.GroupBy(matrix => matrix.Format)
                .MaxBy(same => same.Sum(matrix => (double)matrix.Kind.Outputs * matrix.Kind.Inputs))!.Key;
            formats[group.Key] = most.Name;
            foreach (var shape in computed.GroupBy(matrix => (matrix.Kind.Outputs, matrix.Kind.Inputs)))
            {
                var names = shape.Select(matrix => matrix.Format.Name).Distinct().Order(StringComparer.Ordinal).ToList();
                if (names is not [var only] || only != most.Name)
                    formats[$"{group.Key} {shape.Key.Outputs}x{shape.Key.Inputs}"] = string.Join('+', names);
            }
        }
        return new ComputeSettings
        {
            Engine = "earshot",
            Instructions = NameOf(KernelSet.For(choice.InstructionSet).Isa),
            Threads = threads ?? ProcessorCores.Count,
            Kernels = KernelVersion.Name,
            Choice = choice.IsGiven ? "given" : tuned ? "tuned" : "table",
            Formats = formats,
            KeyValues = (choice.KeyValues ?? CpuDevice.KeyValuesBeside(choice.Default)).ToString().ToLowerInvariant(),
        };
    }

    /// <summary>Instructions by name, with what beside the set decides about kernels.</summary>
    internal static string NameOf(Isa isa) =>
        $"{InstructionSets.NameOf(isa.Set)}{(isa.HasBf16 ? "+bf16" : "")}" +
        (isa.HasVnni && isa.Set != InstructionSet.Avx2Vnni ? "+vnni" : "");
}
