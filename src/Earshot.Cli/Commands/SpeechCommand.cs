using System.CommandLine;
using System.Globalization;
using Earshot.Cli.Files;
using Earshot.Cli.Models;
using Earshot.Cli.Options;
using Earshot.Cli.Transcripts;
using Earshot.Decoding;
using Earshot.ForcedAlignment;
using Earshot.Transcription;

namespace Earshot.Cli.Commands;

/// <summary>What <c>transcribe</c> and <c>translate</c> share: recordings in, transcripts out.</summary>
internal abstract class SpeechCommand : EarshotCommand
{
    readonly Argument<string[]> _files = new("files")
    {
        HelpName = "FILES",
        Description = "Recordings: paths, patterns in quotes ('talks/**/*.wav'), or - for standard input. " +
            "WAV, FLAC, MP3, Ogg Vorbis and Ogg Opus are read directly, other formats with ffmpeg.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    readonly OutputOptionSet _output = new();
    readonly ModelOptions _model = new();
    readonly DecodingOptionSet _decoding = new();
    readonly PartsOptionSet _parts = new();
    readonly Option<string?> _route = OptionKinds.Text(
        "--route", "TABLE.json|auto",
        "Choose the model for each recording: its language is heard in the first seconds, and the table says which models there are; " +
        "auto is Whisper from large to small, those that are here. With -v the choice is told, and why.");
    readonly Option<string?> _alignWith = OptionKinds.Text(
        "--align-with", "MODEL", "A CTC model of the language that tells when each word is said, better than the other's attention.");

    protected SpeechCommand(string name, string description, Terminal terminal) : base(name, description, terminal)
    {
        Add(_files);
        AddGroups(_output.Groups);
        AddGroups([_model.Group]);
        AddGroup("Choice of model", _route);
        AddGroups([.. _decoding.Groups.Select(group =>
            group.Title == DecodingOptionSet.TimesTitle ? group with { Options = [.. group.Options, _alignWith] } : group)]);
        AddGroups([_parts.Group]);
    }

    /// <summary>The options that the command itself implies.</summary>
    protected virtual TranscriptionOptions Adjust(TranscriptionOptions options) => options;

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var files = InputFile.Expand(parsed.GetValue(_files) ?? []);
        if (files.Count == 0)
            throw new UsageException("give at least one recording: a path, a pattern such as '*.wav', or - for standard input.");
        if (Terminal.InputIsTerminal && files.Any(file => file.IsStandardInput))
        {
            throw new UsageException(
                "- is standard input, and that is this terminal; pipe a recording into it, as in: earshot transcribe - < talk.wav");
        }
        var output = _output.Of(parsed, files, Terminal);
        var options = Adjust(_parts.Apply(parsed, _decoding.Of(parsed)));
        if (parsed.GetValue(_alignWith) is not null)
        {
            if (options.Task == SpeechTask.Translate)
                throw new UsageException("--align-with finds the words that are said, and a translation's are not.");
            if (files.Any(file => file.IsStandardInput))
                throw new UsageException("--align-with hears a recording once more, and standard input is there but once; give a file.");
        }
        var modelOptions = _decoding.WithDraft(parsed, _model.Of(parsed));
        if (modelOptions.Cpu.Draft is not null) Terminal.Detail("A draft model guesses ahead, so that decoding is greedy (--beam-size 1).");
        if (output.NeedsWords) options = options with { WordTimestamps = true };

        var run = new TranscriptionRun(Terminal, output, options);
        var route = RouteOf(parsed, files, options, modelOptions);
        // What is certain to fail, or is done already, is told before a model is loaded for it.
        var work = files.Where(run.IsWork).ToList();
        int failures = 0;
        if (route is not null)
        {
            using var routed = new RoutedRun(route, output, options, modelOptions, Terminal);
            foreach (var file in work) await routed.TranscribeAsync(file, cancellationToken).ConfigureAwait(false);
            failures = routed.Failures;
        }
        else if (work.Count > 0)
        {
            using var transcriber = await ModelLoading.LoadAsync(_model.NameOf(parsed), modelOptions, Terminal, cancellationToken)
                .ConfigureAwait(false);
            _decoding.CheckFor(parsed, transcriber.Recognizer, Terminal);
            var undrafted = modelOptions with { Cpu = modelOptions.Cpu with { Draft = null } };
            using var aligning = parsed.GetValue(_alignWith) is { } name
                ? await ModelLoading.LoadAsync(name, undrafted, Terminal, cancellationToken).ConfigureAwait(false)
                : null;
            run.Aligner = aligning is null ? null : new Aligner(aligning.Recognizer);
            if (options.Vad is not null || options.BatchSize > 1)
                await ModelLoading.LoadSpeechDetectorAsync(transcriber, Terminal, cancellationToken).ConfigureAwait(false);
            if (!output.Plan.IsStandardOutput)
                run.Settings = ResumeSettings.Of(ModelFolders.Find(_model.NameOf(parsed)), modelOptions, options);
            foreach (var file in work) await run.TranscribeAsync(file, transcriber, cancellationToken).ConfigureAwait(false);
            if (transcriber.Recognizer.Runtime.Times is { } times)
            {
                Terminal.Detail(string.Create(
                    CultureInfo.InvariantCulture,
                    $"Encoder {times.Encoding.TotalSeconds:0.000} s ({times.Windows} windows), " +
                    $"decoder {times.Decoding.TotalSeconds:0.000} s ({times.Steps} steps){PrivateMemory.Note()}."));
            }
        }
        return run.Failures + failures == 0 ? ExitCode.Ok : ExitCode.SomeFailed;
    }

    /// <exception cref="UsageException">Options that exclude each other.</exception>
    string? RouteOf(ParseResult parsed, IReadOnlyList<InputFile> files, TranscriptionOptions options, LoadOptions loading)
    {
        if (parsed.GetValue(_route) is not { } route) return null;
        if (_model.IsNamed(parsed)) throw new UsageException("--route chooses the model, and --model names it; give one of them.");
        if (loading.Cpu.Draft is not null)
            throw new UsageException("--draft belongs to one model; name that with --model in place of --route.");
        if (options.Language is null && files.Any(file => file.IsStandardInput))
        {
            throw new UsageException(
                "--route hears the beginning first, and standard input can be heard once only; give --language, or a file.");
        }
        return route;
    }
}
