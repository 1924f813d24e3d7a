using System.Text.Json.Nodes;
using Spectre.Console;

namespace Earshot.Cli.Inspection;

/// <summary>A GGUF file's report as tables for people.</summary>
internal static class GgufTables
{
    const int MostCharacters = 72;

    public static void Write(GgufReport report, IAnsiConsole console)
    {
        console.MarkupLineInterpolated($"[bold]{report.Model}[/]");
        var parts = report.Files.Count > 1 ? $"{report.Files.Count} parts, " : "";
        console.WriteLine(
            $"GGUF version {report.Files[0].Version}, {report.Architecture ?? "no architecture named"}: {parts}" +
            $"{Units.Count(report.TensorCount)} tensors, {Units.Count(report.Parameters)} parameters");
        console.WriteLine();
        var metadata = ReportTables.New("Key", "Value");
        foreach (var (key, value) in report.Metadata) ReportTables.Row(metadata, key, Brief(value));
        console.Write(metadata);
        var types = ReportTables.New("Stored as", "Tensors>", "Parameters>", "Bytes>");
        foreach (var type in report.Types)
            ReportTables.Row(types, type.Type, Units.Count(type.Tensors), Units.Count(type.Elements), Units.Bytes(type.Bytes));
        types.AddEmptyRow();
        ReportTables.Row(
            types, "all", Units.Count(report.TensorCount), Units.Count(report.Parameters), Units.Bytes(report.WeightBytes));
        ReportTables.Row(types, "as f32", "", "", Units.Bytes(report.WeightsAsF32));
        ReportTables.Row(types, "as bf16", "", "", Units.Bytes(report.WeightsAsBF16));
        console.Write(types);
        if (report.Tensors is { } tensors) console.Write(ReportTables.Tensors(tensors));
    }

    // One line of text, whatever the file has in it.
    static string Brief(JsonNode? value)
    {
        var text = value switch
        {
            JsonValue plain when plain.TryGetValue(out string? words) => words,
            JsonObject cut => $"{cut["count"]} items: {Joined((JsonArray)cut["first"]!)}, …",
            JsonArray items => Joined(items),
            _ => value?.ToString() ?? "",
        };
        text = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
        return text.Length > MostCharacters ? text[..MostCharacters] + "…" : text;
    }

    static string Joined(JsonArray items) => string.Join(", ", items.Select(item => item?.ToString()));
}
