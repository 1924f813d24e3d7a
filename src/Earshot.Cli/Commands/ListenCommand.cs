using System.CommandLine;
using System.Diagnostics;
using Earshot.Cli.Files;
using Earshot.Cli.Listening;
using Earshot.Cli.Models;
using Earshot.Cli.Options;
using Earshot.Live;
using Earshot.Transcription;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot listen</c>: words while people speak.</summary>
internal sealed class ListenCommand : EarshotCommand
{
    readonly Argument<string?> _file = new("file")
    {
        HelpName = "FILE",
        Description = "A recording, or - for standard input; without it, the microphone.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    readonly Option<string?> _source = OptionKinds.Choice(
        "--source", "What to record: the microphone, the computer's own sound, or both at once (default mic).", "mic", "system", "both");
    readonly Option<string?> _input = OptionKinds.Text("--input", "DEVICE", "The device to record, as --list-devices names it.");
    readonly Option<bool> _list = OptionKinds.Flag("--list-devices", "Show what can be recorded, and end.");
    readonly Option<bool> _pace = OptionKinds.Flag("--pace", "Hear a recording at the pace at which it was said.");
    readonly Option<string?> _raw = OptionKinds.Text(
        "--raw", "FORMAT", "Standard input has samples without a header: s16le, s16be or f32le, the rate, the channels (s16le,16000,1).");
    readonly Option<string[]> _output = new("--output", "-o")
    {
        Description = "A transcript that is written as it becomes final, in the format of its ending (txt, srt, vtt, json …); " +
            "may be given several times.",
        HelpName = "FILE",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };
    readonly Option<string?> _save = OptionKinds.Text("--save", "FILE", "Keep the sound too, as .flac or .wav, written as it comes.");
    readonly Option<bool> _overwrite = OptionKinds.Flag("--overwrite", "Replace files that are there already.");
    readonly Option<bool> _json = OptionKinds.Flag("--json", "Print each event as a line of JSON.");
    readonly LiveOptionSet _live = new();
    readonly ModelOptions _model = new();

    public ListenCommand(Terminal terminal)
        : base(
            "listen",
            "Write down what is said while people speak: from the microphone, a recording or standard input. " +
            "Ctrl-C ends: what was said until then is written first; a second one ends at once.", terminal)
    {
        Add(_file);
        AddGroup("Sound", _source, _input, _list, _pace, _raw);
        AddGroup("Output", _output, _save, _overwrite, _json);
        AddGroups(_live.Groups);
        AddGroups([_model.Group]);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot listen", "Captions of what the microphone hears."),
        new("earshot listen -o talk.srt -o talk.txt --save talk.flac", "Subtitles, text and sound, complete after Ctrl-C."),
        new("earshot listen --source both --latency 1000", "A call: the microphone and the computer's own sound, with a second's delay."),
        new("earshot listen talk.wav --pace --json", "A recording as if it were said now, as lines of JSON."),
        new("earshot listen - --raw s16le,48000,2", "Samples that another program records."),
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(_list)) return await ListDevicesAsync(cancellationToken).ConfigureAwait(false);
        // What cannot be meant is told before anything is opened.
        _live.Of(parsed, isRealTime: false);
        using var source = SourceOf(parsed);
        var options = _live.Of(parsed, source.IsRealTime);
        bool overwrite = parsed.GetValue(_overwrite);
        using var files = new LiveFiles(parsed.GetValue(_output) ?? [], overwrite);
        using var sound = parsed.GetValue(_save) is { } save ? new SoundFile(save, source.SampleRate, overwrite) : null;
        using var transcriber = await ModelLoading.LoadAsync(_model.NameOf(parsed), _model.Of(parsed), Terminal, cancellationToken)
            .ConfigureAwait(false);
        if (options.SpeechDetector is null)
            await ModelLoading.LoadSpeechDetectorAsync(transcriber, Terminal, cancellationToken).ConfigureAwait(false);
        using var turns = _live.AsksForEndOfTurn(parsed) ? EndOfTurnDetector.OpenBundled() : null;
        if (turns is not null) options = options with { EndOfTurn = new SemanticEndOfTurn(turns) };
        ILiveDisplay display = parsed.GetValue(_json) ? new JsonLineCaptions(Terminal)
            : Terminal.OutIsTerminal ? new TerminalCaptions(Terminal) : new PlainCaptions(Terminal);
        Terminal.Detail($"Policy {options.Policy}.");
        using var patience = Interrupts.Allow(TimeSpan.FromSeconds(30));
        try
        {
            await new ListenRun(Terminal, source, new LiveOutputs(display, files, sound))
                .RunAsync(transcriber, options, cancellationToken).ConfigureAwait(false);
        }
        catch (ArgumentException e)
        {
            throw UsageException.For(e);
        }
        return ExitCode.Ok;
    }

    LiveSource SourceOf(ParseResult parsed)
    {
        var raw = parsed.GetValue(_raw);
        if (parsed.GetValue(_file) is { } file)
        {
            if (parsed.GetValue(_source) is not null || parsed.GetValue(_input) is not null)
                throw new UsageException("--source and --input are for recording; a file was given. Leave one out.");
            return FileOf(new InputFile(file), raw, parsed.GetValue(_pace));
        }
        if (raw is not null) throw new UsageException("--raw describes standard input; give - as the file.");
        if (parsed.GetValue(_pace)) throw new UsageException("--pace is for recordings; a microphone has its own.");
        var input = parsed.GetValue(_input);
        return parsed.GetValue(_source) switch
        {
            "system" => new RecorderSource(Terminal, RecordedSound.System, input),
            "both" => new MixedSource(
                new RecorderSource(Terminal, RecordedSound.Microphone, null), new RecorderSource(Terminal, RecordedSound.System, input)),
            _ => new RecorderSource(Terminal, RecordedSound.Microphone, input),
        };
    }

    LiveSource FileOf(InputFile file, string? raw, bool pace)
    {
        if (raw is not null)
        {
            if (!file.IsStandardInput) throw new UsageException("--raw describes standard input; give - as the file.");
            var format = RawFormat.Parse(raw);
            Terminal.Say($"Standard input is taken for {format.Encoding} at {format.SampleRate} Hz, channels: {format.Channels}.");
            return new RawSource(Terminal.OpenInput(), format, file.Label);
        }
        if (file.IsStandardInput && Terminal.InputIsTerminal)
        {
            throw new UsageException(
                "- is standard input, and that is this terminal; pipe sound into it, or leave it out for the microphone.");
        }
        var stream = file.Open(Terminal, new Earshot.Audio.AudioReadOptions());
        return new RecordingSource(stream, file.Label, file.IsStandardInput, pace ? TimeProvider.System : null);
    }

    async Task<int> ListDevicesAsync(CancellationToken cancellationToken)
    {
        foreach (var (program, arguments) in RecorderProgram.Lists)
        {
            if (RecorderProgram.Find(program) is not { } path) continue;
            Terminal.Say($"By {program} {string.Join(' ', arguments)}:");
            var start = new ProcessStartInfo(path, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
            using var process = Process.Start(start)!;
            var complaints = process.StandardError.ReadToEndAsync(cancellationToken);
            var listed = await process.StandardOutput.ReadToEndAsync(cancellationToken).ConfigureAwait(false);
            // ffmpeg lists devices among its messages.
            if (string.IsNullOrWhiteSpace(listed)) listed = await complaints.ConfigureAwait(false);
            Terminal.Out.WriteLine(listed.TrimEnd());
            return ExitCode.Ok;
        }
        throw new UsageException(
            $"no program that lists devices was found ({string.Join(", ", RecorderProgram.Lists.Select(list => list.Program))}).");
    }
}
