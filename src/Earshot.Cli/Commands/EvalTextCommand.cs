using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Earshot.Cli.Evaluation;
using Earshot.Cli.Options;
using Earshot.Evaluation;
using Earshot.Evaluation.Metrics;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot eval text</c>: error rates of a file of transcripts against a file of references.</summary>
internal sealed class EvalTextCommand : EarshotCommand
{
    readonly Option<string> _reference = new("--reference", "-r")
    {
        Description = "What is said: a text a line, or JSON lines with id and text.",
        HelpName = "FILE",
        Required = true,
    };
    readonly Option<string> _hypothesis = new("--hypothesis", "-y")
    {
        Description = "What was written; paired by id where both files have them, else line by line.",
        HelpName = "FILE",
        Required = true,
    };
    readonly Option<bool> _alignment = OptionKinds.Flag(
        "--alignment", "Show reference and transcript of each text with errors under one another.");
    readonly Option<bool> _json = OptionKinds.Flag("--json", "Print JSON for programs.");
    readonly EvalScoringOptionSet _scoring = new();

    public EvalTextCommand(Terminal terminal)
        : base(
            "text",
            "Score transcripts against references: WER, MER, WIL, WIP and CER. " +
            "Texts are compared as they are unless --normalizer says otherwise.", terminal)
    {
        AddGroup("Files", _reference, _hypothesis);
        AddGroups([_scoring.Group]);
        AddGroup("Output", _alignment, _json);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new(
            "earshot eval text --reference said.txt --hypothesis written.txt --normalizer english",
            "Error rates by Whisper's rules for English."),
        new("earshot eval text -r said.jsonl -y written.jsonl --json | jq .wer", "One figure for a program."),
    ];

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var pairs = TranscriptFile.Pair(parsed.GetRequiredValue(_reference), parsed.GetRequiredValue(_hypothesis));
        var scoring = _scoring.Of(parsed, NormalizerChoice.None);
        var normalizer = new ClipScorer(scoring).NormalizerFor(scoring.Language);
        bool joins = scoring.Normalizer == NormalizerChoice.Leaderboard;
        var words = new TextScorer(new TextScoringOptions { Normalizer = normalizer, Units = TextUnits.Words, JoinCompounds = joins })
            .Score(pairs, cancellationToken);
        var characters = new TextScorer(new TextScoringOptions { Normalizer = normalizer, Units = TextUnits.Characters })
            .Score(pairs, cancellationToken);
        var scores = TextScores.Of(words.Counts, characters.Counts, pairs.Count);
        if (parsed.GetValue(_json))
        {
            Terminal.Out.WriteLine(JsonSerializer.Serialize(scores, CliJson.Readable.TextScores));
            return Task.FromResult(ExitCode.Ok);
        }
        if (parsed.GetValue(_alignment))
        {
            foreach (var text in words.Utterances.Where(text => text.Counts.Errors > 0))
                Terminal.Out.WriteLine($"{text.Id}\n{text.Alignment}\n");
        }
        Print(scores);
        return Task.FromResult(ExitCode.Ok);
    }

    void Print(TextScores scores)
    {
        foreach (var (name, value) in (ReadOnlySpan<(string, double)>)[
            ("WER", scores.Wer), ("MER", scores.Mer), ("WIL", scores.Wil), ("WIP", scores.Wip), ("CER", scores.Cer),
        ])
            Terminal.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}  {100 * value,7:0.00} %"));
        Terminal.Out.WriteLine(
            $"{Units.Count(scores.Texts)} texts, {Units.Count(scores.ReferenceWords)} words: {Units.Count(scores.Hits)} right, " +
            $"{Units.Count(scores.Substitutions)} substituted, {Units.Count(scores.Deletions)} deleted, " +
            $"{Units.Count(scores.Insertions)} inserted");
    }
}

/// <summary>Error rates of texts, as shares of 1.</summary>
internal sealed record TextScores(
    double Wer, double Mer, double Wil, double Wip, double Cer, int Texts, long ReferenceWords, long Hits, long Substitutions,
    long Deletions, long Insertions)
{
    public static TextScores Of(EditCounts words, EditCounts characters, int texts) => new(
        words.ErrorRate, words.MatchErrorRate, words.WordInformationLost, words.WordInformationPreserved, characters.ErrorRate,
        texts, words.ReferenceLength, words.Hits, words.Substitutions, words.Deletions, words.Insertions);
}
