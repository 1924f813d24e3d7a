using System.CommandLine;
using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Cli.Models;
using Earshot.Cli.Options;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot models</c>: the models on this machine.</summary>
internal sealed class ModelsCommand : EarshotCommand
{
    public ModelsCommand(Terminal terminal) : base("models", "List, download, show and remove models.", terminal)
    {
        Add(new ModelsListCommand(terminal));
        Add(new ModelsPullCommand(terminal));
        Add(new ModelsShowCommand(terminal));
        Add(new ModelsRemoveCommand(terminal));
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot models pull large-v3-turbo", "Download a model by its short name, or by its name on the hub."),
        new("earshot models list", "What is in the box, what is downloaded, and what can be."),
    ];

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        HelpWriter.Write(this, Terminal, Terminal.Error);
        return Task.FromResult(ExitCode.Usage);
    }
}

/// <summary>A command about one folder of models: the cache that Hugging Face's own client uses too, or another.</summary>
internal abstract class CacheCommand : EarshotCommand
{
    readonly Option<string?> _cache = OptionKinds.Text(
        "--cache", "FOLDER",
        "The folder of downloaded models (default: HF_HUB_CACHE, HF_HOME, or ~/.cache/huggingface/hub, which other programs share).");

    protected CacheCommand(string name, string description, Terminal terminal) : base(name, description, terminal) => Add(_cache);

    protected HubOptions HubOptionsOf(ParseResult parsed)
    {
        var options = HubOptions.FromEnvironment();
        return parsed.GetValue(_cache) is { Length: > 0 } folder ? options with { CacheFolder = Path.GetFullPath(folder) } : options;
    }

    protected static Argument<string> ModelArgument(string description) => new("model") { HelpName = "MODEL", Description = description };
}

internal sealed class ModelsPullCommand : CacheCommand
{
    readonly Argument<string> _model = ModelArgument(
        "A name on the hub, with @REVISION for a branch, tag or commit; or a short name: " +
        $"{string.Join(", ", ModelNames.Hub.SelectMany(model => model.ShortNames))}.");
    readonly Option<bool> _update = OptionKinds.Flag("--update", "Look for a newer commit even where the model is here.");

    public ModelsPullCommand(Terminal terminal) : base(
        "pull",
        "Download a model. What is here already is not downloaded again, and a download that broke off goes on where it was.", terminal)
    {
        Add(_model);
        Add(_update);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot models pull turbo", "Whisper large-v3-turbo: fast, 1.6 GB."),
        new("HF_TOKEN=hf_... earshot models pull my-company/whisper-medical@v2", "A private model at a tag."),
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        using var hub = new ModelHub(HubOptionsOf(parsed));
        var name = parsed.GetRequiredValue(_model);
        bool inBox = ModelNames.IsInBox(name);
        var folder = parsed.GetValue(_update) && !inBox ? null : hub.TryResolve(name);
        if (folder is not null)
        {
            Terminal.Say(inBox
                ? $"'{name}' is the model in the box: there is nothing to download. (The hub's is openai/whisper-base.)"
                : $"'{ModelNames.Full(name)}' is here already.");
        }
        else
        {
            folder = await DownloadDisplay.RunAsync(Terminal, progress => parsed.GetValue(_update)
                ? hub.UpdateAsync(name, progress, cancellationToken)
                : hub.GetAsync(name, progress, cancellationToken)).ConfigureAwait(false);
        }
        Terminal.Out.WriteLine(folder);
        return ExitCode.Ok;
    }
}

internal sealed class ModelsShowCommand : CacheCommand
{
    readonly Argument<string> _model = ModelArgument(
        "base, the model in the box; a model's folder; or its name on the hub where it is downloaded already.");
    readonly Option<bool> _json = OptionKinds.Flag("--json", "Print JSON for programs.");

    public ModelsShowCommand(Terminal terminal) : base("show", "Show what a model is, what it can do, and which files it has.", terminal)
    {
        Add(_model);
        Add(_json);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot models show base", "Sizes, languages, files of the model in the box.")
    ];

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        using var hub = new ModelHub(HubOptionsOf(parsed));
        var summary = ModelSummary.Of(hub.Resolve(parsed.GetRequiredValue(_model)));
        if (parsed.GetValue(_json)) Terminal.Out.WriteLine(JsonSerializer.Serialize(summary, CliJson.Readable.ModelSummary));
        else Write(summary);
        return Task.FromResult(ExitCode.Ok);
    }

    void Write(ModelSummary summary)
    {
        void Line(string name, string value) =>
            Terminal.Out.WriteLine($"{Terminal.Paint(name.PadRight(12), "1", Terminal.OutIsTerminal)}{value}");
        Line("folder", summary.Folder);
        Line("kind", summary.Architecture);
        Line("sizes", string.Join(", ", summary.Sizes.Select(size => $"{size.Key.Replace('_', ' ')} {size.Value}")));
        if (summary.Languages > 0) Line("languages", summary.Languages == 1 ? "English only" : $"{summary.Languages}");
        Line("parameters", Units.Count(summary.Parameters));
        Line("size", Units.Bytes(summary.Bytes));
        foreach (var file in summary.Files) Line("", $"{Units.Bytes(file.Bytes),8}  {file.Name}");
    }
}

internal sealed class ModelsRemoveCommand : CacheCommand
{
    readonly Argument<string> _model = ModelArgument("A name as `earshot models list` shows it; with @REVISION, that revision alone.");
    readonly Option<bool> _yes = new("--yes", "-y") { Description = "Do not ask." };

    public ModelsRemoveCommand(Terminal terminal) : base("remove", "Delete a downloaded model from this machine.", terminal)
    {
        Add(_model);
        Add(_yes);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot models remove openai/whisper-base --yes", "Delete it without asking.")
    ];

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = HubOptionsOf(parsed);
        using var hub = new ModelHub(options);
        var name = ModelNames.Full(parsed.GetRequiredValue(_model));
        bool isHere = !ModelNames.IsInBox(name) && hub.ListCached().Any(model => model.Name == name.Split('@')[0]);
        if (isHere && !parsed.GetValue(_yes) && !Confirm(name, options.CacheFolder)) return Task.FromResult(ExitCode.SomeFailed);
        Terminal.Say($"Removed {name}: {Units.Bytes(hub.Remove(name))} freed.");
        return Task.FromResult(ExitCode.Ok);
    }

    bool Confirm(string name, string folder)
    {
        if (!Terminal.InputIsTerminal || !Terminal.ErrorIsTerminal)
            throw new UsageException($"deleting '{name}' needs --yes where nobody can be asked.");
        Terminal.Error.Write($"Delete {name} from {folder}? [y/N] ");
        var answer = Console.ReadLine();
        return answer?.Trim().ToUpperInvariant() is "Y" or "YES";
    }
}
