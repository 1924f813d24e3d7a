using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>
/// How a quantised matrix lies in a safetensors file: <c>NAME.codes</c> and <c>NAME.scales</c> (and <c>NAME.scale_codes</c>
/// for nf4) in place of <c>NAME</c>. Rows are outputs and are quantised one by one along their inputs. Matrices are in the
/// format that the configuration names, or in int8, which their codes' type tells. An int8 matrix whose rows fill whole steps lies
/// in panels, <c>NAME.panels</c> beside <c>NAME.scales</c>, so that it is computed with where it is mapped.
/// </summary>
public static class WeightScheme
{
    internal const string CodesSuffix = ".codes", ScalesSuffix = ".scales", ScaleCodesSuffix = ".scale_codes", PanelsSuffix = ".panels";

    /// <summary>The metadata that says how panels lie, and the version that is written and read.</summary>
    internal const string LayoutKey = "earshot.panels", LayoutVersion = "1";

    /// <summary>Panels begin at a page of the file, so that they can be mapped and read as they are.</summary>
    internal const int PanelAlignment = 4096;

    /// <summary>What the names of a matrix's parts end in.</summary>
    internal static IReadOnlyList<string> Suffixes { get; } = [CodesSuffix, ScalesSuffix, ScaleCodesSuffix, PanelsSuffix];

    /// <summary>The formats that are saved, by the names that the configuration and the command line use.</summary>
    public static IReadOnlyDictionary<string, WeightFormat> Names { get; } = new Dictionary<string, WeightFormat>(StringComparer.OrdinalIgnoreCase)
    {
        ["int8"] = WeightFormat.Int8,
        ["int4"] = WeightFormat.Int4Group32,
        ["int4-g128"] = WeightFormat.Int4Group128,
        ["nf4"] = WeightFormat.Nf4,
    };

    /// <summary>The name of a format, as in <c>int8</c>.</summary>
    public static string NameOf(WeightFormat format) =>
        Names.FirstOrDefault(pair => pair.Value == format).Key ?? throw new ModelException($"Weights are not saved as {format}; the formats are {string.Join(", ", Names.Keys)}.");

    /// <summary>The tensors that hold a quantised matrix of (rows, columns), with their types and shapes.</summary>
    internal static IEnumerable<(string Suffix, DType Type, Shape Shape)> Parts(WeightFormat format, int rows, int columns) => format switch
    {
        WeightFormat.Int8 =>
        [
            (CodesSuffix, DType.I8, new Shape(rows, columns)),
            (ScalesSuffix, DType.F32, new Shape(rows)),
        ],
        WeightFormat.Int4Group32 or WeightFormat.Int4Group128 =>
        [
            (CodesSuffix, DType.U8, new Shape(rows, (columns + 1) / 2)),
            (ScalesSuffix, DType.F16, new Shape(rows, Int4.Groups(format, columns))),
        ],
        WeightFormat.Nf4 =>
        [
            (CodesSuffix, DType.U8, new Shape(rows, (columns + 1) / 2)),
            (ScaleCodesSuffix, DType.I8, new Shape(rows, Nf4.Blocks(columns))),
            (ScalesSuffix, DType.F32, new Shape(rows, Nf4.ScaleBlocks(columns), 2)),
        ],
        _ => throw new ModelException($"Weights are not saved as {format}."),
    };

    /// <summary>The shape of a matrix's panels: (panels, steps, outputs of a panel, inputs of a step).</summary>
    internal static Shape PanelShape(in Int8PanelLayout layout) => new(layout.Panels, layout.Steps, Int8PanelLayout.Width, Int8PanelLayout.StepInputs);

    /// <summary>The bytes of a row that a part holds.</summary>
    internal static Span<byte> PartOf(QuantizedRow row, string suffix) => suffix switch
    {
        CodesSuffix => row.Codes,
        ScaleCodesSuffix => MemoryMarshal.AsBytes(row.ScaleCodes),
        _ => row.Scales,
    };
}
