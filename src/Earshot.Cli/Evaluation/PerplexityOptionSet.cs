using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Earshot.Cli.Commands;
using Earshot.Cli.Models;
using Earshot.Cli.Options;
using Earshot.Compute.Cpu;
using Earshot.TextGeneration;

namespace Earshot.Cli.Evaluation;

/// <summary><c>earshot eval --perplexity</c>: how well a language model foresees a text.</summary>
internal sealed class PerplexityOptionSet
{
    // Options of the command that are about models and not about recordings.
    static readonly string[] s_shared = ["--model", "--threads", "--weights", "--isa", "--json"];

    readonly Option<string?> _file = OptionKinds.Text(
        "--perplexity", "FILE",
        "In place of a manifest, a text file: the perplexity that a language model (-m) gives its tokens; - reads standard input. " +
        "Of the options below, --threads, --weights, --isa and --json hold.");

    readonly Option<int?> _window = OptionKinds.Whole("--window", "Tokens that the model reads at once (default 512).", 2);
    readonly Option<int?> _stride = OptionKinds.Whole(
        "--stride", "Tokens that the next window adds; the others are what precedes them (default half of the window).", 1);
    readonly Option<string?> _adapter = OptionKinds.Text("--adapter", "DIR", "A LoRA adapter's folder to measure the model with.");

    public OptionGroup Group => new("Perplexity", [_file, _window, _stride, _adapter]);

    /// <summary>Whether a language model is to be measured; its options without it are refused.</summary>
    /// <exception cref="UsageException">An option that goes with it is given alone.</exception>
    public bool IsGiven(ParseResult parsed)
    {
        if (parsed.GetValue(_file) is not null) return true;
        var alone = Group.Options.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false });
        return alone is null ? false : throw new UsageException($"{alone.Name} is for --perplexity.");
    }

    /// <exception cref="UsageException">Options of recordings are given too, or no model.</exception>
    public async Task<int> RunAsync(ParseResult parsed, EvalCommand command, Terminal terminal, CancellationToken cancellationToken)
    {
        RefuseOthers(parsed, command);
        var models = parsed.GetValue<string[]>("--model") ?? [];
        if (models.Length != 1) throw new UsageException("--perplexity measures one model: give its folder, file or name with -m.");
        var text = await ReadAsync(parsed.GetValue(_file)!, terminal, cancellationToken).ConfigureAwait(false);
        using var model = await LanguageModelLoader.LoadAsync(models[0], LoadingOf(parsed), terminal, cancellationToken)
            .ConfigureAwait(false);
        PerplexityResult result;
        using (var status = new StatusLine(terminal))
        {
            try
            {
                var options = new PerplexityOptions { Window = parsed.GetValue(_window), Stride = parsed.GetValue(_stride) };
                result = await model.MeasurePerplexityAsync(text, options, new PercentStatus(status, "Reading"), cancellationToken)
                    .ConfigureAwait(false);
            }
            catch (ArgumentException e)
            {
                throw UsageException.For(e);
            }
        }
        var report = PerplexityReport.Of(models[0], model, result);
        terminal.Out.WriteLine(
            parsed.GetValue<bool>("--json") ? JsonSerializer.Serialize(report, CliJson.Readable.PerplexityReport) : report.ToString());
        return ExitCode.Ok;
    }

    void RefuseOthers(ParseResult parsed, EvalCommand command)
    {
        if (parsed.GetResult(command.Arguments[0]) is { Tokens.Count: > 0 })
            throw new UsageException("give either a manifest or --perplexity, not both.");
        var allowed = Group.Options.Select(option => option.Name).Concat(s_shared).ToHashSet(StringComparer.Ordinal);
        var other = command.Options.FirstOrDefault(option =>
            !allowed.Contains(option.Name) && parsed.GetResult(option) is OptionResult { Implicit: false });
        if (other is not null) throw new UsageException($"{other.Name} is for recordings; --perplexity measures a text.");
    }

    LanguageModelOptions LoadingOf(ParseResult parsed)
    {
        var wish = GenerationOptionSet.WishOf(parsed.GetValue<string?>("--weights"));
        return new LanguageModelOptions
        {
            Threads = parsed.GetValue<int?>("--threads"),
            Weights = wish.Format,
            WeightsFor = wish.Exceptions.Count == 0 ? null : wish.For,
            InstructionSet = parsed.GetValue<string?>("--isa") is { } isa ? InstructionSets.Names[isa] : null,
            Adapters = parsed.GetValue(_adapter) is { } adapter ? [new AdapterOptions(adapter)] : [],
        };
    }

    static async Task<string> ReadAsync(string file, Terminal terminal, CancellationToken cancellationToken)
    {
        if (file == "-") return await Files.StandardInput.ReadAllAsync(terminal, cancellationToken).ConfigureAwait(false);
        try
        {
            return await File.ReadAllTextAsync(file, new UTF8Encoding(false, throwOnInvalidBytes: true), cancellationToken)
                .ConfigureAwait(false);
        }
        catch (DecoderFallbackException e)
        {
            throw new UsageException($"'{file}' is not UTF-8 ({e.Message}); --perplexity reads a text file.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"cannot read '{file}': {e.Message}");
        }
    }
}

/// <summary>What <c>eval --perplexity</c> prints.</summary>
/// <param name="Nll">The sum of −ln p.</param>
internal sealed record PerplexityReport(
    string Model, double Perplexity, int Tokens, double Nll, double BitsPerByte, int Windows, ComputeSettings Computed)
{
    public static PerplexityReport Of(string name, LanguageModel model, PerplexityResult result) => new(
        name, result.Perplexity, result.Tokens, result.NegativeLogLikelihood, result.BitsPerByte, result.Windows, model.Settings);

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"Perplexity {Perplexity:0.0000}  ({Units.Count(Tokens)} tokens, {Nll / Tokens:0.00000} nats a token, " +
        $"{BitsPerByte:0.0000} bits a byte, {Units.Count(Windows)} {(Windows == 1 ? "window" : "windows")})");
}
