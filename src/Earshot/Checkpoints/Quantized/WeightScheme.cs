using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>
/// How a quantised matrix lies in a safetensors file: <c>NAME.codes</c> and <c>NAME.scales</c> (and <c>NAME.scale_codes</c>
/// for nf4) in place of <c>NAME</c>. Rows are outputs and are quantised one by one along their inputs. Matrices are in the
/// format that the configuration names, or in int8, which their codes' type tells. An int8 matrix whose rows fill whole steps lies
/// in panels, <c>NAME.panels</c> beside <c>NAME.scales</c>, so that it is computed with where it is mapped. An int8 matrix that keeps
/// columns as they are has their numbers in <c>NAME.outlier_columns</c>, int32 and rising, and their values in <c>NAME.outliers</c>, (rows,
/// columns kept) of float16 or float32; they are added to what the codes there are worth, which are zero.
/// </summary>
public static class WeightScheme
{
    internal const string CodesSuffix = ".codes", ScalesSuffix = ".scales", ScaleCodesSuffix = ".scale_codes", PanelsSuffix = ".panels",
        OutliersSuffix = ".outliers", OutlierColumnsSuffix = ".outlier_columns";

    /// <summary>The metadata that says how panels lie, and the version that is written and read.</summary>
    internal const string LayoutKey = "earshot.panels", LayoutVersion = "1";

    /// <summary>Panels begin at a page of the file, so that they can be mapped and read as they are.</summary>
    internal const int PanelAlignment = 4096;

    /// <summary>What the names of a matrix's parts end in.</summary>
    internal static IReadOnlyList<string> Suffixes { get; } =
    [
        CodesSuffix, ScalesSuffix, ScaleCodesSuffix, PanelsSuffix, OutliersSuffix, OutlierColumnsSuffix,
    ];

    /// <summary>The formats that are saved; their names are those of the configuration and the command line.</summary>
    public static IReadOnlyList<WeightFormat> Formats { get; } =
    [
        WeightFormat.Int8, WeightFormat.Int8Outliers, WeightFormat.Int4Group32, WeightFormat.Int4Group128, WeightFormat.Nf4,
    ];

    /// <exception cref="ModelException">Weights are not saved in the format.</exception>
    internal static void Check(WeightFormat format)
    {
        if (!Formats.Contains(format))
            throw new ModelException($"Weights are not saved as {format}; the formats are {WeightFormat.NamesOf(Formats, "and")}.");
    }

    /// <summary>The tensors that hold the codes and scales of a matrix of (rows, columns), with their types and shapes.</summary>
    internal static IEnumerable<(string Suffix, DType Type, Shape Shape)> Parts(WeightFormat format, int rows, int columns)
    {
        Check(format);
        if (format.Bits == 8) return [(CodesSuffix, DType.I8, new Shape(rows, columns)), (ScalesSuffix, DType.F32, new Shape(rows))];
        var codes = (CodesSuffix, DType.U8, new Shape(rows, (columns + 1) / 2));
        if (format != WeightFormat.Nf4) return [codes, (ScalesSuffix, DType.F16, new Shape(rows, format.Groups(columns)))];
        return [
            codes, (ScaleCodesSuffix, DType.I8, new Shape(rows, Nf4.Blocks(columns))),
            (ScalesSuffix, DType.F32, new Shape(rows, Nf4.ScaleBlocks(columns), 2)),
        ];
    }

    /// <summary>The shape of a matrix's panels: (panels, steps, outputs of a panel, inputs of a step).</summary>
    internal static Shape PanelShape(in Int8PanelLayout layout) =>
        new(layout.Panels, layout.Steps, Int8PanelLayout.Width, Int8PanelLayout.StepInputs);

    /// <summary>The bytes of a row that a part holds.</summary>
    internal static Span<byte> PartOf(QuantizedRow row, string suffix) => suffix switch
    {
        CodesSuffix => row.Codes,
        ScaleCodesSuffix => MemoryMarshal.AsBytes(row.ScaleCodes),
        _ => row.Scales,
    };
}
