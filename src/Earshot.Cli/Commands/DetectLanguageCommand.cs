using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Earshot.Audio;
using Earshot.Cli.Files;
using Earshot.Cli.Models;
using Earshot.Cli.Options;
using Earshot.Compute.Cpu;
using Earshot.Recognition;
using Earshot.Tokenizers;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot detect-language</c>: which language is spoken at the start of a recording.</summary>
internal sealed class DetectLanguageCommand : EarshotCommand
{
    readonly Argument<string[]> _files = new("files")
    {
        HelpName = "FILES",
        Description = "Recordings: paths, patterns in quotes, or - for standard input.",
        Arity = ArgumentArity.ZeroOrMore,
    };
    readonly Option<int?> _top = OptionKinds.Whole("--top", "How many languages to tell, likeliest first (default 1).", 1, 100);
    readonly Option<bool> _json = OptionKinds.Flag("--json", "Print JSON for programs: one object a line and file.");
    readonly ModelOptions _model = new();

    public DetectLanguageCommand(Terminal terminal) : base(
        "detect-language", "Tell which language is spoken in the first 30 seconds of recordings. Needs a multilingual model.", terminal)
    {
        Add(_files);
        AddGroup("Output", _top, _json);
        AddGroups([_model.Group]);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot detect-language talk.wav", "File, code, name and probability, between tabs."),
        new("earshot detect-language *.wav --top 3 --json", "The three likeliest of each, for a program."),
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var files = InputFile.Expand(parsed.GetValue(_files) ?? []);
        if (files.Count == 0)
            throw new UsageException("give at least one recording: a path, a pattern such as '*.wav', or - for standard input.");
        using var transcriber = await ModelLoading.LoadAsync(_model.NameOf(parsed), _model.Of(parsed), Terminal, cancellationToken)
            .ConfigureAwait(false);
        int failures = 0;
        foreach (var file in files)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                var detection = await transcriber.DetectLanguageAsync(
                    file.Path, new AudioReadOptions { OnWarning = warning => Terminal.Warn(warning.Message) }, cancellationToken)
                    .ConfigureAwait(false);
                Print(file, (detection, transcriber.Settings), parsed.GetValue(_top) ?? 1, parsed.GetValue(_json));
            }
            catch (Exception e) when (Failure.IsOfOneFile(e))
            {
                Terminal.Fail(e.Message, e);
                failures++;
            }
        }
        return failures == 0 ? ExitCode.Ok : ExitCode.SomeFailed;
    }

    void Print(InputFile file, (LanguageDetection Languages, ComputeSettings? Computed) found, int top, bool json)
    {
        var best = found.Languages.Probabilities.OrderByDescending(language => language.Value).Take(top)
            .Select(language => new DetectedLanguage(
                language.Key, WhisperLanguages.NameOf(language.Key) ?? language.Key, MathF.Round(language.Value, 4))).ToList();
        if (json)
        {
            Terminal.Out.WriteLine(JsonSerializer.Serialize(
                new LanguageReport(file.Label, best) { Computed = found.Computed }, CliJson.OneLine.LanguageReport));
            return;
        }
        foreach (var language in best)
        {
            Terminal.Out.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{file.Label}\t{language.Code}\t{language.Name}\t{language.Probability:0.0000}"));
        }
    }
}

/// <summary>The languages heard in a recording, likeliest first.</summary>
internal sealed record LanguageReport(string File, IReadOnlyList<DetectedLanguage> Languages)
{
    public ComputeSettings? Computed { get; init; }
}

internal sealed record DetectedLanguage(string Code, string Name, float Probability);
