using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Earshot.Checkpoints;
using Earshot.Cli.Inspection;
using Earshot.Cli.Models;

namespace Earshot.Cli;

/// <summary>What commands print with <c>--json</c>.</summary>
[JsonSerializable(typeof(ModelReport))]
[JsonSerializable(typeof(ModelSummary))]
[JsonSerializable(typeof(IReadOnlyList<CachedModel>))]
internal sealed partial class CliJson : JsonSerializerContext
{
    /// <summary>Snake case and indented; letters beyond ASCII stay as they are, since this is read by people and programs and never put into HTML.</summary>
    public static CliJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
