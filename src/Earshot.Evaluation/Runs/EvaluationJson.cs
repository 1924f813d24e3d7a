using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Earshot.Evaluation;

/// <summary>The files of runs: names in snake case, times in seconds.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(EvaluationPlan))]
[JsonSerializable(typeof(ClipResult))]
[JsonSerializable(typeof(EvaluationReport))]
[JsonSerializable(typeof(RunComparison))]
public sealed partial class EvaluationJson : JsonSerializerContext
{
    /// <summary>A value a line, letters beyond ASCII as they are.</summary>
    public static EvaluationJson OneLine => Forms.OneLine;

    /// <summary>The same with line ends, for people.</summary>
    public static EvaluationJson Readable => Forms.Readable;

    static EvaluationJson With(bool indented)
    {
        var options = new JsonSerializerOptions(Default.Options)
        {
            WriteIndented = indented,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            MaxDepth = 32,
            NewLine = "\n",
        };
        options.Converters.Add(new SecondsConverter());
        return new EvaluationJson(options);
    }

    // Made on first use: the generated defaults, which they begin from, are there by then.
    static class Forms
    {
        public static readonly EvaluationJson OneLine = With(indented: false);
        public static readonly EvaluationJson Readable = With(indented: true);
    }
}

/// <summary>A length of time as seconds, to a microsecond.</summary>
internal sealed class SecondsConverter : JsonConverter<TimeSpan>
{
    public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        double seconds = reader.GetDouble();
        return seconds is >= -36_000_000 and <= 36_000_000
            ? TimeSpan.FromSeconds(seconds)
            : throw new JsonException($"{seconds} is no length of time in seconds.");
    }

    public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) =>
        writer.WriteNumberValue(decimal.Round((decimal)value.Ticks / TimeSpan.TicksPerSecond, 6));
}
