using System.Diagnostics.CodeAnalysis;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Compute.Quantization;

/// <summary>What one number of a weight is.</summary>
public enum NumberScheme
{
    /// <summary>IEEE 754: float32 or float16.</summary>
    Float,

    /// <summary>float32's exponent with fewer bits behind it.</summary>
    BrainFloat,

    /// <summary>A whole number times a scale, the same range on both sides of zero.</summary>
    SymmetricInteger,

    /// <summary>One of QLoRA's sixteen values times a scale, which is quantised itself.</summary>
    NormalFloat,

    /// <summary>Codes of one of ggml's block types, in which a file holds them (<see cref="WeightFormat.Blocks"/>).</summary>
    Blocks,
}

/// <summary>
/// How the numbers of a weight matrix are written, in a file, in memory or in a graph: the one vocabulary of checkpoints, of the
/// processor's kernels, of ONNX graphs and of the command line. Rows are outputs, and inputs share scales within a row.
/// </summary>
public sealed record WeightFormat : IParsable<WeightFormat>
{
    /// <summary>float32.</summary>
    public static readonly WeightFormat F32 = new(NumberScheme.Float, 32);

    /// <summary>float16: of checkpoints and of ONNX graphs.</summary>
    public static readonly WeightFormat F16 = new(NumberScheme.Float, 16);

    /// <summary>Weights rounded to bfloat16; activations too, where the processor multiplies bfloat16 directly.</summary>
    public static readonly WeightFormat BF16 = new(NumberScheme.BrainFloat, 16);

    /// <summary>Symmetric int8 with a scale for each row; activations int8 per row where that is faster.</summary>
    public static readonly WeightFormat Int8 = new(NumberScheme.SymmetricInteger, 8);

    /// <summary>
    /// The same, but for the few input columns that stand out, which are kept as they are (<see cref="OutlierColumns"/>).
    /// </summary>
    public static readonly WeightFormat Int8Outliers = new(NumberScheme.SymmetricInteger, 8, keepsOutliers: true);

    /// <summary>Symmetric int8 in groups of 32 inputs: of ONNX graphs.</summary>
    public static readonly WeightFormat Int8Group32 = new(NumberScheme.SymmetricInteger, 8, 32);

    /// <summary>Symmetric int4 in groups of 32 inputs.</summary>
    public static readonly WeightFormat Int4Group32 = new(NumberScheme.SymmetricInteger, 4, 32);

    /// <summary>Symmetric int4 in groups of 128 inputs.</summary>
    public static readonly WeightFormat Int4Group128 = new(NumberScheme.SymmetricInteger, 4, 128);

    /// <summary>QLoRA's NormalFloat4 in blocks of 64 with double quantisation of the scales.</summary>
    public static readonly WeightFormat Nf4 = new(NumberScheme.NormalFloat, 4, Quantization.Nf4.BlockSize);

    // The first name of a format is the one that is shown.
    static readonly (string Name, WeightFormat Format)[] s_names =
    [
        ("f32", F32), ("f16", F16), ("bf16", BF16),
        ("int8", Int8), ("int8-outliers", Int8Outliers), ("int8-g32", Int8Group32),
        ("int4", Int4Group32), ("int4-g128", Int4Group128), ("nf4", Nf4),
        ("float32", F32), ("float16", F16), ("bfloat16", BF16), ("int4-g32", Int4Group32),
    ];

    WeightFormat(NumberScheme scheme, int bits, int group = 0, bool keepsOutliers = false, BlockFormat? blocks = null)
    {
        Scheme = scheme;
        Bits = bits;
        Group = group;
        KeepsOutliers = keepsOutliers;
        Blocks = blocks;
    }

    public NumberScheme Scheme { get; }

    /// <summary>Bits of one number, without what it shares with others.</summary>
    public int Bits { get; }

    /// <summary>Inputs that share a scale; 0 where a whole row does, or where there are no scales.</summary>
    public int Group { get; }

    /// <summary>Whether columns that stand out are kept beside the codes.</summary>
    public bool KeepsOutliers { get; }

    /// <summary>The blocks that rows are cut into; null in formats that are not ggml's.</summary>
    public BlockFormat? Blocks { get; }

    /// <summary>Whether numbers are codes that count in a scale.</summary>
    public bool IsQuantized => Scheme is NumberScheme.SymmetricInteger or NumberScheme.NormalFloat or NumberScheme.Blocks;

    /// <summary>The name that commands, configurations and reports use.</summary>
    public string Name
    {
        get
        {
            if (Blocks is not null) return Blocks.Name;
            foreach (var (name, format) in s_names)
            {
                if (format == this) return name;
            }
            // Only whole numbers are made with any group.
            return $"int{Bits}-g{Group}";
        }
    }

    /// <summary>
    /// One of ggml's block types as it is stored. No wish names it: a matrix is computed so only where a file holds it so.
    /// </summary>
    public static WeightFormat Of(BlockFormat blocks)
    {
        ArgumentNullException.ThrowIfNull(blocks);
        return new(NumberScheme.Blocks, blocks.CodeBits, blocks.ScaleLength, blocks: blocks);
    }

    /// <summary>Symmetric whole numbers of 4 or 8 bits in groups of any size; a group of 0 is the row.</summary>
    public static WeightFormat Integers(int bits, int group)
    {
        if (bits is not (4 or 8)) throw new ArgumentOutOfRangeException(nameof(bits), bits, "Whole numbers have 4 or 8 bits.");
        ArgumentOutOfRangeException.ThrowIfNegative(group);
        return new(NumberScheme.SymmetricInteger, bits, group);
    }

    /// <summary>Scales that a row of so many values has.</summary>
    public int Groups(int values) => !IsQuantized ? 0 : Group == 0 ? 1 : (values + Group - 1) / Group;

    /// <summary>Bytes of a matrix's numbers and scales, without padding and columns that are kept: what a product has to read.</summary>
    public long BytesOf(long rows, long columns)
    {
        long count = rows * columns, numbers = count * Bits / 8;
        return Scheme switch
        {
            NumberScheme.SymmetricInteger => numbers + (Group == 0 ? rows * sizeof(float) : count / Group * 2),
            NumberScheme.NormalFloat => numbers + count / Group,
            NumberScheme.Blocks => Blocks!.BytesOf(count),
            _ => numbers,
        };
    }

    public override string ToString() => Name;

    /// <summary>The names of some formats, as in "int8, int4 or nf4".</summary>
    public static string NamesOf(IEnumerable<WeightFormat> formats, string last = "or")
    {
        string[] names = [.. formats.Select(format => format.Name)];
        return names.Length < 2 ? string.Concat(names) : $"{string.Join(", ", names[..^1])} {last} {names[^1]}";
    }

    /// <exception cref="FormatException">No format is called so.</exception>
    public static WeightFormat Parse(string s, IFormatProvider? provider = null) => TryParse(s, provider, out var format)
        ? format
        : throw new FormatException($"'{s}' is no format of weights; expected {NamesOf(s_names.Select(pair => pair.Format).Distinct())}.");

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, [MaybeNullWhen(false)] out WeightFormat result)
    {
        result = s_names.FirstOrDefault(pair => pair.Name.Equals(s, StringComparison.OrdinalIgnoreCase)).Format;
        return result is not null;
    }
}
