using System.Text.Json;
using System.Text.Json.Serialization;

namespace Earshot.Evaluation.Metrics;

/// <summary>Where a figure was published.</summary>
public sealed record PublishedSource
{
    public required string Id { get; init; }

    public required string Title { get; init; }

    public required Uri Url { get; init; }

    /// <summary>When the source, at that address, was last changed.</summary>
    public required DateOnly Date { get; init; }

    /// <summary>What to know before comparing with it.</summary>
    public required string Note { get; init; }
}

/// <summary>A figure that someone published for a system on a data set.</summary>
public sealed record PublishedFigure
{
    /// <summary>The checkpoint's name, such as "openai/whisper-large-v3-turbo".</summary>
    public required string System { get; init; }

    public required string Dataset { get; init; }

    /// <summary>The metric's name in the source, such as "WER".</summary>
    public required string Metric { get; init; }

    /// <summary>As published, not rounded.</summary>
    public required double Value { get; init; }

    public required string Unit { get; init; }

    public required PublishedSource Source { get; init; }
}

/// <summary>
/// Figures of known systems, each with its source, to hold one's own against. Figures of different revisions of a data set, and under
/// different normalisers, cannot be compared.
/// </summary>
public static class PublishedFigures
{
    static readonly Lazy<IReadOnlyList<PublishedFigure>> Loaded = new(Load);

    public static IReadOnlyList<PublishedFigure> All => Loaded.Value;

    /// <summary>The figures of a system, by its full name or the part after the slash; empty when none is known.</summary>
    public static IEnumerable<PublishedFigure> Of(string system)
    {
        ArgumentException.ThrowIfNullOrEmpty(system);
        return All.Where(figure => figure.System.Equals(system, StringComparison.OrdinalIgnoreCase)
            || figure.System[(figure.System.IndexOf('/', StringComparison.Ordinal) + 1)..]
                .Equals(system, StringComparison.OrdinalIgnoreCase));
    }

    static IReadOnlyList<PublishedFigure> Load()
    {
        using var stream = MetricsData.Open("published-figures.json");
        var file = JsonSerializer.Deserialize(stream, PublishedFiguresJson.Default.PublishedFiguresFile)
            ?? throw new InvalidOperationException("The file of published figures is empty.");
        var sources = file.Sources.ToDictionary(source => source.Id, StringComparer.Ordinal);
        return [.. file.Figures.Select(row => new PublishedFigure
        {
            System = row.System,
            Dataset = row.Dataset,
            Metric = row.Metric,
            Value = row.Value,
            Unit = row.Unit,
            Source = sources[row.Source],
        })];
    }
}

/// <summary>The file's own shape: figures name their source by its id.</summary>
internal sealed record PublishedFiguresFile(IReadOnlyList<PublishedSource> Sources, IReadOnlyList<PublishedFigureRow> Figures);

internal sealed record PublishedFigureRow(string System, string Dataset, string Metric, double Value, string Unit, string Source);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(PublishedFiguresFile))]
internal sealed partial class PublishedFiguresJson : JsonSerializerContext;
