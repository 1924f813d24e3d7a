using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Earshot.Cli.Benchmarks;
using Earshot.Cli.Benchmarks.Peers;
using Earshot.Cli.Commands;
using Earshot.Cli.Evaluation;
using Earshot.Cli.Inspection;
using Earshot.Cli.Models;
using Earshot.Evaluation;

namespace Earshot.Cli;

/// <summary>What commands print with <c>--json</c>.</summary>
[JsonSerializable(typeof(Earshot.Benchmarks.BenchmarkReport))]
[JsonSerializable(typeof(PeerReport))]
[JsonSerializable(typeof(IReadOnlyList<TuneReport>))]
[JsonSerializable(typeof(ModelReport))]
[JsonSerializable(typeof(GgufReport))]
[JsonSerializable(typeof(OnnxReport))]
[JsonSerializable(typeof(ExportReport))]
[JsonSerializable(typeof(ModelSummary))]
[JsonSerializable(typeof(LanguageReport))]
[JsonSerializable(typeof(GenerationReport))]
[JsonSerializable(typeof(IReadOnlyList<ModelLine>))]
[JsonSerializable(typeof(TextScores))]
[JsonSerializable(typeof(PerplexityReport))]
[JsonSerializable(typeof(IReadOnlyList<LiveReport>))]
[JsonSerializable(typeof(IReadOnlyList<SpeakerRate>))]
internal sealed partial class CliJson : JsonSerializerContext
{
    /// <summary>
    /// Snake case and indented; letters beyond ASCII stay as they are, since this is read by people and programs and never put into HTML.
    /// </summary>
    public static CliJson Readable { get; } = With(indented: true);

    /// <summary>The same without line ends, for an object a line.</summary>
    public static CliJson OneLine { get; } = With(indented: false);

    static CliJson With(bool indented) => new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = indented,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
