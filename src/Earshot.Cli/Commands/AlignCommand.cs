using System.CommandLine;
using System.Globalization;
using Earshot.Audio;
using Earshot.Cli.Files;
using Earshot.Cli.Models;
using Earshot.Cli.Options;
using Earshot.ForcedAlignment;
using Earshot.Transcription;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot align</c>: where the words of a text are said.</summary>
internal sealed class AlignCommand : EarshotCommand
{
    static readonly string[] s_formats = ["srt", "vtt", "textgrid", "json", "tsv", "ctm"];

    readonly Argument<string> _audio = new("audio") { HelpName = "AUDIO", Description = "The recording: a path, or - for standard input." };
    readonly Argument<string> _text = new("text")
    {
        HelpName = "TEXT",
        Description = "A file with what is said, in UTF-8, or - for standard input. A line is a subtitle, and so is a sentence of a line.",
    };
    readonly Option<string?> _format = OptionKinds.Choice(
        "--format", ["-f"], "What to write (default: what --output ends in, else srt).", s_formats);
    readonly Option<string?> _output = OptionKinds.Text("--output", "FILE", "A file (default: standard output).");
    readonly Option<bool> _overwrite = OptionKinds.Flag("--overwrite", "Replace a file that is there already.");
    readonly Option<string?> _language = OptionKinds.Text(
        "--language", "LANGUAGE", "The language, of a model that has several, such as MMS: by code (de, deu) or English name.");
    readonly Option<int?> _width = OptionKinds.Whole("--max-line-width", "Most characters of a subtitle's line.", 1, 1000);
    readonly Option<int?> _lines = OptionKinds.Whole("--max-line-count", "Most lines of a subtitle; needs --max-line-width.", 1, 100);
    readonly ModelOptions _model = new();

    public AlignCommand(Terminal terminal) : base(
        "align",
        "Find out when each word of a text is said, with a CTC model (wav2vec2, HuBERT, MMS): subtitles of a script. " +
        "Words that the model cannot spell get a time between their neighbours'.", terminal)
    {
        _output.Aliases.Add("-o");
        _language.Aliases.Add("-l");
        Add(_audio);
        Add(_text);
        AddGroup("Output", _format, _output, _overwrite, _width, _lines);
        AddGroup("Speech", _language);
        AddGroups([_model.Group]);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot align talk.wav talk.txt -m facebook/wav2vec2-base-960h -o talk.srt", "Subtitles of a script."),
        new("earshot align talk.wav talk.txt -m ./mms-1b-all -l de -f json", "Words and letters with times and scores."),
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var audio = new InputFile(parsed.GetValue(_audio)!);
        var path = parsed.GetValue(_output);
        var format = FormatOf(parsed, path);
        if (parsed.GetValue(_lines) is not null && parsed.GetValue(_width) is null)
            throw new UsageException("--max-line-count needs --max-line-width.");
        if (path is not null && !parsed.GetValue(_overwrite) && File.Exists(path) && !OutputFile.IsDevice(path))
            throw new UsageException($"'{path}' is there already; --overwrite replaces it.");
        if (path is not null && OutputFile.WhyNotWritable(path) is { } why) throw new IOException($"cannot write '{path}': {why}");
        var text = await ReadTextAsync(parsed.GetValue(_text)!, audio, cancellationToken).ConfigureAwait(false);
        using var transcriber = await ModelLoading.LoadAsync(_model.NameOf(parsed), _model.Of(parsed), Terminal, cancellationToken)
            .ConfigureAwait(false);
        using var aligner = new Aligner(transcriber.Recognizer);
        var alignment = await AlignAsync(aligner, audio, text, parsed.GetValue(_language), cancellationToken).ConfigureAwait(false);
        Tell(alignment);
        var lines = new TranscriptWriterOptions
        {
            MaxLineWidth = parsed.GetValue(_width),
            MaxLineCount = parsed.GetValue(_lines),
            Recording = audio.Name,
        };
        var written = Written(alignment, format, lines);
        if (path is null)
        {
            Terminal.Out.Write(written);
            return ExitCode.Ok;
        }
        using var file = OutputFile.Create(path);
        await file.Writer.WriteAsync(written.AsMemory(), cancellationToken).ConfigureAwait(false);
        file.Complete(parsed.GetValue(_overwrite));
        Terminal.Say($"{audio.Label} → {path}");
        return ExitCode.Ok;
    }

    async Task<TextAlignment> AlignAsync(
        Aligner aligner, InputFile audio, string text, string? language, CancellationToken cancellationToken)
    {
        using var status = new StatusLine(Terminal);
        status.Show(_ => $"Listening to {audio.Label}…");
        var options = new AudioReadOptions { OnWarning = warning => status.Above(() => Terminal.Warn(warning.Message)) };
        using var samples = await Task.Run(() => audio.Open(Terminal, options), cancellationToken).ConfigureAwait(false);
        return await aligner.AlignAsync(new RecordedSamples(samples), text, language, cancellationToken: cancellationToken)
            .ConfigureAwait(false);
    }

    string FormatOf(ParseResult parsed, string? path)
    {
        var ending = Path.GetExtension(path)?.TrimStart('.').ToLowerInvariant();
        return parsed.GetValue(_format) ?? (s_formats.Contains(ending) ? ending! : "srt");
    }

    async Task<string> ReadTextAsync(string path, InputFile audio, CancellationToken cancellationToken)
    {
        if (path == InputFile.StandardInput && audio.IsStandardInput)
            throw new UsageException("the recording and the text cannot both be standard input; give a file for one of them.");
        if (path == InputFile.StandardInput)
        {
            using var reader = new StreamReader(Terminal.OpenInput());
            return await reader.ReadToEndAsync(cancellationToken).ConfigureAwait(false);
        }
        var text = await File.ReadAllTextAsync(path, cancellationToken).ConfigureAwait(false);
        if (text.Contains('\0', StringComparison.Ordinal))
            throw new UsageException($"'{path}' is no text file. Give the recording first, then the text.");
        return text;
    }

    /// <summary>Says where text and sound do not go together.</summary>
    void Tell(TextAlignment alignment)
    {
        int scored = alignment.Words.Count(word => word.Score is not null), guessed = alignment.Words.Count - scored;
        double other = alignment.SpeechWithoutText.Sum(range => range.Duration.TotalSeconds);
        if (guessed > 0)
            Terminal.Detail($"{guessed} of {alignment.Words.Count} words cannot be spelled by the model; their times are guessed.");
        if (alignment.Verdict == AlignmentVerdict.Matches) return;
        Terminal.Warn(string.Create(CultureInfo.InvariantCulture,
            $"the text {(alignment.Verdict == AlignmentVerdict.DoesNotMatch ? "does not match" : "matches only parts of")} " +
            $"the recording: " +
            $"{alignment.WordsWithoutSpeech.Count} of {scored} words are not heard, and {other:0.0} s of speech are not in the text" +
            $"{(alignment.SpeechWithoutText is [var first, ..] ? $", from {Units.Time(first.Start)} on" : "")}."));
    }

    static string Written(TextAlignment alignment, string format, TranscriptWriterOptions lines) => format switch
    {
        "json" => AlignmentWriter.ToJson(alignment),
        "textgrid" => AlignmentWriter.ToTextGrid(alignment),
        _ => TranscriptWriter.ToText(alignment.ToTranscript(), TranscriptFormats.Parse(format), lines),
    };
}
