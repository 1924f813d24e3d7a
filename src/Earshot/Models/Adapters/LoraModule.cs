using System.Numerics;
using System.Runtime.InteropServices;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Parts;

namespace Earshot.Models;

/// <summary>What a tensor of an adapter is to its module.</summary>
enum LoraRole { Down, Up, Magnitude, TableDown, TableUp }

/// <summary>One module of an adapter: the product of two narrow matrices, and for DoRA the lengths of rows.</summary>
sealed class LoraModule(string name)
{
    static readonly (string Ending, LoraRole Role)[] s_endings =
    [
        (".lora_A.weight", LoraRole.Down), (".lora_B.weight", LoraRole.Up), (".lora_embedding_A", LoraRole.TableDown),
        (".lora_embedding_B", LoraRole.TableUp), (".lora_magnitude_vector", LoraRole.Magnitude),
        (".lora_magnitude_vector.weight", LoraRole.Magnitude),
    ];

    readonly Dictionary<LoraRole, StoredTensor> _tensors = [];

    /// <summary>The module's name in the model.</summary>
    public string Name => name;

    /// <summary>Whether it is a table of embeddings, whose rows are looked up.</summary>
    public bool IsTable => _tensors.ContainsKey(LoraRole.TableDown);

    /// <summary>The adapter's name of the first of the two.</summary>
    public string DownName => Down.Name;

    StoredTensor Down => _tensors[IsTable ? LoraRole.TableDown : LoraRole.Down];

    StoredTensor Up => _tensors[IsTable ? LoraRole.TableUp : LoraRole.Up];

    StoredTensor? Magnitude => _tensors.GetValueOrDefault(LoraRole.Magnitude);

    /// <summary>What a tensor is by its name, of which the module's is left; null where it is no adapter's.</summary>
    public static LoraRole? RoleOf(ref string name)
    {
        foreach (var (ending, role) in s_endings)
        {
            if (!name.EndsWith(ending, StringComparison.Ordinal)) continue;
            name = name[..^ending.Length];
            return role;
        }
        return null;
    }

    public void Add(LoraRole role, StoredTensor tensor, LoraAdapter adapter)
    {
        if (!_tensors.TryAdd(role, tensor))
            throw adapter.Wrong($"'{tensor.Name}' and '{_tensors[role].Name}' are the same tensor.", "Save the adapter again.");
    }

    /// <exception cref="CheckpointException">A tensor is missing, or has another rank than the settings say.</exception>
    public void RequireWhole(bool isDora, LoraAdapter adapter)
    {
        bool hasTable = Has(LoraRole.TableDown) || Has(LoraRole.TableUp), hasMatrix = Has(LoraRole.Down) || Has(LoraRole.Up);
        var (down, up) = hasTable ? (LoraRole.TableDown, LoraRole.TableUp) : (LoraRole.Down, LoraRole.Up);
        if (!Has(down) || !Has(up) || hasTable && hasMatrix)
            throw adapter.Wrong($"module '{name}' needs two tensors, lora_A and lora_B; it has others.", "The adapter is incomplete.");
        if (Has(LoraRole.Magnitude) != isDora || isDora && hasTable)
            throw adapter.Wrong(
                $"module '{name}' should have {(isDora ? "a" : "no")} 'lora_magnitude_vector' beside its two matrices, " +
                $"since 'use_dora' is {(isDora ? "true" : "false")}.", "The files belong to different adapters.");
        int rank = adapter.RankOf(name);
        if (Down.Shape is not { Rank: 2 } first || Up.Shape is not { Rank: 2 } second || first[0] != rank || second[1] != rank)
            throw adapter.Wrong(
                $"'{Down.Name}' {Down.Shape} and '{Up.Name}' {Up.Shape} should be (rank, inputs) and (outputs, rank) of rank {rank}, " +
                "as the settings say.", "The files belong to different adapters.");
    }

    /// <summary>Puts the module into a model's own matrix, row by row as it is read.</summary>
    public void Merge(ComputedTensors merged, StoredTensor own, LoraAdapter adapter)
    {
        RequireFit(own, adapter);
        float scale = (float)adapter.ScaleOf(name);
        var (down, up, magnitude) = (Lazily(Down), Lazily(Up), Magnitude is { } lengths ? Lazily(lengths) : null);
        int rank = Down.Shape[0];
        if (IsTable)
        {
            // Row v of the table gets what column v of the first makes of the second.
            merged.Add(own.Name, own.Shape, (row, values) =>
            {
                own.ReadFloats((long)row * values.Length, values);
                for (int i = 0; i < values.Length; i++)
                {
                    float sum = 0;
                    for (int r = 0; r < rank; r++) sum += up.Value[i * rank + r] * down.Value[r * own.Shape[0] + row];
                    values[i] += scale * sum;
                }
            });
            return;
        }
        merged.Add(own.Name, own.Shape, (row, values) =>
        {
            own.ReadFloats((long)row * values.Length, values);
            for (int r = 0; r < rank; r++)
                AddScaled(values, down.Value.AsSpan(r * values.Length, values.Length), scale * up.Value[row * rank + r]);
            if (magnitude is not null) Lengthen(values, magnitude.Value[row]);
        });
    }

    /// <summary>The two matrices as they are computed with beside the model's, the factor in the second.</summary>
    public void KeepApart(ComputedTensors tensors, StoredTensor own, LoraAdapter adapter)
    {
        RequireFit(own, adapter);
        float scale = (float)adapter.ScaleOf(name);
        StoredTensor down = Down, up = Up;
        tensors.Add($"{name}.{LowRankAdapter.DownName}", down.Shape, (row, values) => down.ReadFloats((long)row * values.Length, values));
        tensors.Add($"{name}.{LowRankAdapter.UpName}", up.Shape, (row, values) =>
        {
            up.ReadFloats((long)row * values.Length, values);
            for (int i = 0; i < values.Length; i++) values[i] *= scale;
        });
    }

    static Lazy<float[]> Lazily(StoredTensor tensor) => new(tensor.ToFloats);

    static void AddScaled(Span<float> sums, ReadOnlySpan<float> values, float factor)
    {
        var many = MemoryMarshal.Cast<float, Vector<float>>(sums);
        var added = MemoryMarshal.Cast<float, Vector<float>>(values);
        for (int i = 0; i < many.Length; i++) many[i] += added[i] * factor;
        for (int i = many.Length * Vector<float>.Count; i < sums.Length; i++) sums[i] += values[i] * factor;
    }

    // A row of zeros has no direction to be lengthened in.
    static void Lengthen(Span<float> values, float length)
    {
        double squares = 0;
        foreach (float value in values) squares += (double)value * value;
        if (squares == 0) return;
        float factor = (float)(length / Math.Sqrt(squares));
        foreach (ref float value in values) value *= factor;
    }

    bool Has(LoraRole role) => _tensors.ContainsKey(role);

    void RequireFit(StoredTensor own, LoraAdapter adapter)
    {
        var (outputs, inputs) = own.Shape is { Rank: 2 } shape ? (shape[0], shape[1]) : (0, 0);
        int rank = Down.Shape[0];
        var (down, up) = IsTable
            ? (new Shape(rank, outputs), new Shape(inputs, rank))
            : (new Shape(rank, inputs), new Shape(outputs, rank));
        if (Down.Shape != down) throw adapter.Unfit(Down.Name, Down.Shape, (own.Name, own.Shape));
        if (Up.Shape != up) throw adapter.Unfit(Up.Name, Up.Shape, (own.Name, own.Shape));
        if (Magnitude is { } lengths && lengths.Shape.Count != outputs)
            throw adapter.Unfit(lengths.Name, lengths.Shape, (own.Name, own.Shape));
    }
}
