using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Earshot.Cli.Evaluation;
using Earshot.Cli.Options;
using Earshot.Evaluation;
using Earshot.Evaluation.Metrics;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot eval score</c>: who spoke when, and who said what, against references.</summary>
internal sealed class EvalScoreCommand : EarshotCommand
{
    readonly Option<string> _reference = new("--reference", "-r")
    {
        Description = "What is right: .rttm, .stm, .json (SegLST) or .ctm.",
        HelpName = "FILE",
        Required = true,
    };
    readonly Option<string> _hypothesis =
        new("--hypothesis", "-y") { Description = "What a system found, in one of the same formats.", HelpName = "FILE", Required = true };
    readonly Option<string?> _uem = OptionKinds.Text(
        "--uem", "FILE", "The parts of the recordings that count for DER and JER (default: from the reference's first to its last turn).");
    readonly Option<TimeSpan?> _collar = OptionKinds.Seconds("--tcp-collar", "How far a word may lie from its time in tcpWER (default 5).");
    readonly Option<bool> _orc = OptionKinds.Flag("--orc", "Compute ORC-WER too; its cost grows with the product of the streams' lengths.");
    readonly Option<bool> _json = OptionKinds.Flag("--json", "Print JSON for programs.");
    readonly EvalScoringOptionSet _scoring = new();

    public EvalScoreCommand(Terminal terminal)
        : base(
            "score",
            "Score speakers: DER by three protocols and JER where both files have turns, " +
            "cpWER and tcpWER where both have words with speakers, WER where both have words.", terminal)
    {
        AddGroup("Files", _reference, _hypothesis, _uem);
        AddGroups([_scoring.Group]);
        AddGroup("Output", _collar, _orc, _json);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot eval score --reference meeting.rttm --hypothesis found.rttm --uem meeting.uem", "Diarization error rates."),
        new("earshot eval score -r meeting.stm -y found.json --normalizer english --json", "Also who said what, for a program."),
    ];

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        SpeakerFile reference = SpeakerFile.Read(parsed.GetRequiredValue(_reference)),
            system = SpeakerFile.Read(parsed.GetRequiredValue(_hypothesis));
        var uem = parsed.GetValue(_uem) is { } path ? Uem.Read(path) : null;
        var rates = new List<SpeakerRate>();
        if (reference.Turns is { } turns && system.Turns is { } found) AddDiarization(rates, turns, found, uem);
        var scoring = _scoring.Of(parsed, NormalizerChoice.None);
        var options = new SpeakerTextOptions
        {
            Normalizer = new ClipScorer(scoring).NormalizerFor(scoring.Language),
            Units = TextUnitsExtensions.ForLanguage(scoring.Language),
            Collar = parsed.GetValue(_collar) ?? SpeakerTextOptions.Default.Collar,
        };
        if (reference.Segments is { } said && system.Segments is { } written)
            AddSpeakerText(rates, said, written, options, parsed.GetValue(_orc));
        if (reference.Texts is { } texts && system.Texts is { } others) AddText(rates, texts, others, options);
        if (rates.Count == 0)
        {
            throw new UsageException(
                $"'{reference.Path}' and '{system.Path}' have nothing in common to score: one has turns without words, " +
                "the other words without speakers.");
        }
        if (parsed.GetValue(_json)) Terminal.Out.WriteLine(JsonSerializer.Serialize(rates, CliJson.Readable.IReadOnlyListSpeakerRate));
        else foreach (var rate in rates) Print(rate);
        return Task.FromResult(ExitCode.Ok);
    }

    static void AddDiarization(
        List<SpeakerRate> rates, IReadOnlyList<SpeakerTurn> reference, IReadOnlyList<SpeakerTurn> system, IReadOnlyList<ScoredRegion>? uem)
    {
        foreach (var (name, options) in ((string, DiarizationOptions)[])[
            ("DER full", DiarizationOptions.Full), ("DER fair", DiarizationOptions.Fair), ("DER forgiving", DiarizationOptions.Forgiving),
        ])
        {
            var result = new DiarizationScorer(options).Score(reference, system, uem);
            var (total, overlap) = (result.Total, options.ScoreOverlap ? "with overlap" : "without overlap");
            rates.Add(new SpeakerRate(name, total.ErrorRate, string.Create(CultureInfo.InvariantCulture,
                $"collar {options.Collar.TotalSeconds:0.##} s, {overlap}: missed {100 * total.MissedRate:0.00} %, " +
                $"false alarm {100 * total.FalseAlarmRate:0.00} %, confused {100 * total.ConfusionRate:0.00} % of " +
                $"{total.Scored.TotalSeconds:0.00} s")));
            if (options == DiarizationOptions.Full)
            {
                rates.Add(new SpeakerRate(
                    "JER", result.JaccardErrorRate, $"mean over {result.Sessions.Sum(session => session.JaccardErrors.Count)} speakers"));
            }
        }
    }

    static void AddSpeakerText(
        List<SpeakerRate> rates, IReadOnlyList<TranscriptSegment> reference, IReadOnlyList<TranscriptSegment> system,
        SpeakerTextOptions options, bool orc)
    {
        var scorer = new SpeakerTextScorer(options);
        Add("cpWER", scorer.ScoreConcatenated);
        Add("tcpWER", scorer.ScoreTimeConstrained);
        if (orc) Add("ORC-WER", scorer.ScoreOptimalReference);

        void Add(string name, Func<IEnumerable<TranscriptSegment>, IEnumerable<TranscriptSegment>, SpeakerTextScore> score)
        {
            var found = system.ToLookup(segment => segment.Session);
            var scores = reference.GroupBy(segment => segment.Session).Select(session => score(session, found[session.Key])).ToList();
            var counts = scores.Aggregate(default(EditCounts), (sum, added) => sum + added.Counts);
            var speakers =
                $"{scores.Sum(session => session.MissedSpeakers)} speakers missed, {scores.Sum(session => session.ExtraSpeakers)} too many";
            rates.Add(new SpeakerRate(name, counts.ErrorRate, $"{Words(counts)}; {speakers}"));
        }
    }

    static void AddText(
        List<SpeakerRate> rates,
        IReadOnlyList<(string Session, string Words)> reference,
        IReadOnlyList<(string Session, string Words)> system,
        SpeakerTextOptions options)
    {
        var found = system.ToDictionary(text => text.Session, text => text.Words, StringComparer.Ordinal);
        var scorer = new TextScorer(new TextScoringOptions { Normalizer = options.Normalizer, Units = options.Units });
        var counts = scorer.Score(
            reference.Select(text => new TextPair(text.Session, text.Words, found.GetValueOrDefault(text.Session, "")))).Counts;
        rates.Add(new SpeakerRate("WER", counts.ErrorRate, $"{Words(counts)}; all speakers together, in order of time"));
    }

    void Print(SpeakerRate rate) =>
        Terminal.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{rate.Name,-14} {100 * rate.Rate,7:0.00} %  {rate.Detail}"));

    static string Words(EditCounts counts) =>
        $"{Units.Count(counts.Substitutions)} substituted, {Units.Count(counts.Deletions)} deleted, " +
        $"{Units.Count(counts.Insertions)} inserted of {Units.Count(counts.ReferenceLength)} words";
}

/// <summary>An error rate over speakers as a share of 1, and what it is made of.</summary>
internal sealed record SpeakerRate(string Name, double Rate, string Detail);
