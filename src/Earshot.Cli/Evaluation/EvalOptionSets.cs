using System.CommandLine;
using Earshot.Cli.Commands;
using Earshot.Cli.Options;
using Earshot.Evaluation;

namespace Earshot.Cli.Evaluation;

/// <summary>How texts are compared.</summary>
internal sealed class EvalScoringOptionSet
{
    readonly Option<string?> _normalizer = OptionKinds.Choice(
        "--normalizer",
        "How texts are made comparable: Whisper's rules for English or for other languages, by language (auto, the default); " +
        "the Open ASR leaderboard's of 2026; or as they are (none).", "auto", "english", "leaderboard", "basic", "none");

    readonly Option<string?> _language = OptionKinds.Text(
        "--reference-language", "LANGUAGE",
        "The language of clips for which the manifest states none (default en): it chooses the normaliser, and what is counted.");

    public OptionGroup Group => new("Scoring", [_normalizer, _language]);

    public ScoringOptions Of(ParseResult parsed, NormalizerChoice otherwise = NormalizerChoice.Auto) => new()
    {
        Normalizer = parsed.GetValue(_normalizer) is { } name ? Enum.Parse<NormalizerChoice>(name, ignoreCase: true) : otherwise,
        Language = parsed.GetValue(_language) ?? "en",
    };
}

/// <summary>What a report shows.</summary>
internal sealed class EvalReportOptionSet
{
    readonly Option<bool> _embed = OptionKinds.Flag(
        "--embed-audio", "Put the recordings into the page, so that it can be sent; otherwise it plays them from where they are.");
    readonly Option<string?> _published = OptionKinds.Text(
        "--published", "DATASET",
        "Show others' published error rates on a data set beside, such as 'LibriSpeech test-clean'; " +
        "they are never mixed with what is measured.");
    readonly Option<string?> _resample = OptionKinds.Choice(
        "--bootstrap-by", "What intervals take as independent (default clip).", "clip", "speaker");
    readonly Option<bool> _json = OptionKinds.Flag("--json", "Print the report as JSON instead of a table.");

    public OptionGroup Group => new("Report", [_embed, _published, _resample, _json]);

    public ReportOptions Of(ParseResult parsed) => new()
    {
        PublishedDataset = parsed.GetValue(_published),
        ResampleBy = parsed.GetValue(_resample) == "speaker" ? ResampleBy.Speaker : ResampleBy.Clip,
    };

    public bool EmbedsAudio(ParseResult parsed) => parsed.GetValue(_embed);

    public bool PrintsJson(ParseResult parsed) => parsed.GetValue(_json);
}
