using Spectre.Console;

namespace Earshot.Cli.Inspection;

/// <summary>Reports of ONNX graphs as tables for people.</summary>
internal static class OnnxTables
{
    public static void Write(ExportReport report, Terminal terminal)
    {
        terminal.OutConsole().MarkupLineInterpolated($"[bold]{report.Folder}[/]");
        terminal.Out.WriteLine($"{report.Source} exported in {report.Precision} for {report.Target}");
        foreach (var graph in report.Graphs)
        {
            terminal.Out.WriteLine();
            Write(graph, terminal);
        }
    }

    public static void Write(OnnxReport report, Terminal terminal)
    {
        var console = terminal.OutConsole();
        console.MarkupLineInterpolated($"[bold]{report.File}[/]");
        terminal.Out.WriteLine(
            $"IR version {report.IrVersion}, operators of " +
            $"{string.Join(", ", report.OperatorSets.Select(set => $"{set.Key} {set.Value}"))}, " +
            $"made by {(report.Producer.Length > 0 ? report.Producer : "an unknown program")}");
        terminal.Out.WriteLine();
        var values = ReportTables.New("Value", "Type", "Shape");
        foreach (var input in report.Inputs) ReportTables.Row(values, $"input {input.Name}", input.Type, ShapeOf(input));
        foreach (var output in report.Outputs) ReportTables.Row(values, $"output {output.Name}", output.Type, ShapeOf(output));
        console.Write(values);
        var operators = ReportTables.New("Operator", "Nodes>");
        foreach (var entry in report.Operators) ReportTables.Row(operators, entry.Name, Units.Count(entry.Count));
        operators.AddEmptyRow();
        ReportTables.Row(operators, "all", Units.Count(report.Operators.Sum(entry => (long)entry.Count)));
        console.Write(operators);
        var constants = ReportTables.New("Constants", "Tensors>", "Bytes>", "Where");
        foreach (var entry in report.Constants)
            ReportTables.Row(constants, entry.Type, Units.Count(entry.Count), Units.Bytes(entry.Bytes), entry.File ?? "inside");
        console.Write(constants);
        foreach (var line in report.Operations ?? []) terminal.Out.WriteLine(line);
    }

    static string ShapeOf(OnnxValueReport value) => value.Shape is null ? "unknown" : $"({string.Join(", ", value.Shape)})";
}
