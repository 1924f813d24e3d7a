using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Cli.Models;
using Earshot.Cli.Options;
using Spectre.Console;

namespace Earshot.Cli.Commands;

internal sealed class ModelsListCommand : CacheCommand
{
    readonly Option<bool> _json = OptionKinds.Flag("--json", "Print JSON for programs instead of a table.");

    public ModelsListCommand(Terminal terminal)
        : base(
            "list",
            "List the models in the box, those downloaded, also by Ollama, LM Studio and llama.cpp, and those of the hub that have a " +
            "short name, " +
            "with sizes and where they are. The hub is not asked.", terminal) => Add(_json);

    public override IReadOnlyList<Example> Examples { get; } =
        [new("earshot models list --json | jq -r '.[] | select(.where != \"hub\") | .name'", "The names of what is here.")];

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = HubOptionsOf(parsed);
        using var hub = new ModelHub(options);
        var models = hub.List();
        if (parsed.GetValue(_json))
            Terminal.Out.WriteLine(JsonSerializer.Serialize([.. models.Select(ModelLine.Of)], CliJson.Readable.IReadOnlyListModelLine));
        else WriteTable(models, options.CacheFolder);
        return Task.FromResult(ExitCode.Ok);
    }

    void WriteTable(IReadOnlyList<ListedModel> models, string cache)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumns(
            new TableColumn("Model"), new TableColumn("Short name"), new TableColumn("Where"), new TableColumn("Size").RightAligned(),
            new TableColumn("State"));
        foreach (var model in models)
        {
            var revisions = model.Revisions is [] or ["main"] ? "" : $" ({string.Join(", ", model.Revisions.Select(Brief))})";
            var size = model.Bytes is { } bytes ? $"{(model.Where == ModelPlace.Hub ? "≈ " : "")}{Units.Bytes(bytes)}" : "";
            table.AddRow(
                new Text(model.Name + revisions), new Text(string.Join(", ", model.ShortNames)), new Text(Where(model)), new Text(size),
                new Text(State(model)));
        }
        var console = Terminal.OutConsole();
        console.Write(table);
        long Total(ModelPlace place) => models.Where(model => model.Where == place).Sum(model => model.Bytes ?? 0);
        console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Units.Bytes(Total(ModelPlace.Box))} in the box, {Units.Bytes(Total(ModelPlace.Cache))} in {cache}"));
        Terminal.Say("To download one: earshot models pull NAME");
    }

    static string Where(ListedModel model) => model.Where switch
    {
        ModelPlace.Box => "in the box",
        ModelPlace.Cache => "downloaded",
        ModelPlace.Ollama => "Ollama's",
        ModelPlace.LmStudio => "LM Studio's",
        ModelPlace.LlamaCpp => "llama.cpp's",
        _ => "on the hub",
    };

    static string State(ListedModel model) => model switch
    {
        { Where: ModelPlace.Hub } => "can be pulled",
        { IsComplete: false } => "incomplete",
        { Where: ModelPlace.Box, Name: not ModelNames.Base } or { Purpose: not "speech recognition" } => $"ready ({model.Purpose})",
        _ => "ready",
    };

    static string Brief(string revision) => revision.Length == 40 ? revision[..8] : revision;
}
