using System.Globalization;
using Spectre.Console;

namespace Earshot.Cli.Inspection;

/// <summary>A model's report as tables for people.</summary>
internal static class ReportTables
{
    const string Multilingual = "multilingual";

    public static void Write(ModelReport report, IAnsiConsole console)
    {
        console.MarkupLineInterpolated($"[bold]{report.Model}[/]");
        var sizes = report.Sizes
            .Where(size => size.Key != Multilingual)
            .Select(size => $"{size.Key.Replace('_', ' ')} {size.Value}");
        var container = report.Container is { } program ? $" for {program}" : "";
        console.WriteLine($"{report.Architecture}{container}{LanguagesOf(report)}: {string.Join(", ", sizes)}");
        console.WriteLine();
        console.Write(Parts(report));
        console.Write(Stages(report));
        console.Write(Memory(report.Memory));
        if (report.UnusedTensors.Count > 0)
            console.MarkupLineInterpolated(
                $"[yellow]{report.UnusedTensors.Count} tensors are not used by this model[/], such as {report.UnusedTensors[0]}.");
        if (report.Tensors is { } tensors) console.Write(Tensors(tensors));
    }

    static string LanguagesOf(ModelReport report) =>
        report.Languages switch { [] => "", ["en"] => ", English only", [var one] => $", {one} only", _ => ", multilingual" };

    static Table Parts(ModelReport report)
    {
        var table = New("Part", "Tensors>", "Parameters>", "Type", "Bytes>");
        foreach (var part in report.Parts)
        {
            Row(
                table, part.Name, Units.Count(part.Tensors), Units.Count(part.Parameters), string.Join(", ", part.DTypes),
                Units.Bytes(part.Bytes));
        }
        table.AddEmptyRow();
        Row(table, "all", Units.Count(report.TensorCount), Units.Count(report.Parameters), "", Units.Bytes(report.WeightBytes));
        return table;
    }

    static Table Stages(ModelReport report)
    {
        var table = New("Stage", "FLOP>", "Weights>", "Activ.>", "Cache>", "FLOP/B>");
        foreach (var stage in report.Stages)
        {
            Row(
                table, $"{stage.Name}, {stage.What}", Units.Flops(stage.Flops), Units.Bytes(stage.WeightBytes),
                Units.Bytes(stage.ActivationBytes), Units.Bytes(stage.KeyValueBytes),
                stage.Intensity.ToString("0.0", CultureInfo.InvariantCulture));
            foreach (var operation in stage.Operations ?? [])
                Row(
                    table, $"  {operation.Count} × {operation.Name}", Units.Flops(operation.Flops), Units.Bytes(operation.WeightBytes),
                    Units.Bytes(operation.ActivationBytes), Units.Bytes(operation.KeyValueBytes), "");
        }
        return table;
    }

    static Table Memory(MemoryReport memory)
    {
        var table = New("Memory", "Bytes>");
        Row(table, "weights as stored", Units.Bytes(memory.WeightsAsStored));
        Row(table, "weights as f32", Units.Bytes(memory.WeightsAsF32));
        Row(table, "weights as bf16", Units.Bytes(memory.WeightsAsBF16));
        if (memory.AudioKeysAndValues > 0) Row(table, "cross-attention keys and values, a window", Units.Bytes(memory.AudioKeysAndValues));
        if (memory.TextKeysAndValues > 0) Row(table, "self-attention keys and values, a hypothesis", Units.Bytes(memory.TextKeysAndValues));
        return table;
    }

    public static Table Tensors(IReadOnlyList<TensorReport> tensors)
    {
        var table = New("Tensor", "Type", "Shape", "Bytes>");
        foreach (var tensor in tensors)
            Row(table, tensor.Name, tensor.DType, $"({string.Join(", ", tensor.Shape)})", Units.Bytes(tensor.Bytes));
        return table;
    }

    /// <summary>A table whose columns named with a trailing <c>&gt;</c> are aligned right.</summary>
    public static Table New(params ReadOnlySpan<string> columns)
    {
        var table = new Table { Border = TableBorder.Rounded };
        foreach (var column in columns)
        {
            var right = column.EndsWith('>');
            table.AddColumn(new TableColumn(new Text(column.TrimEnd('>'), new Style(decoration: Decoration.Bold)))
            {
                Alignment = right ? Justify.Right : Justify.Left,
                NoWrap = true,
            });
        }
        return table;
    }

    public static void Row(Table table, params ReadOnlySpan<string> cells)
    {
        var row = new Text[cells.Length];
        for (int i = 0; i < row.Length; i++) row[i] = new Text(cells[i]);
        table.AddRow(row);
    }
}
