using System.Text.Json;
using System.Text.Json.Serialization;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Cpu;

/// <summary>
/// What measured speeds hold for: they are those of one processor, its instructions in use, so many threads, and these kernels.
/// </summary>
/// <param name="Processor">As <see cref="ProcessorName.Model"/>.</param>
/// <param name="Instructions">As <see cref="ComputeSettings.Instructions"/>.</param>
/// <param name="Kernels">As <see cref="KernelVersion.Name"/>.</param>
public sealed record TuningKey(string Processor, string Instructions, int Threads, string Kernels)
{
    /// <summary>What a device with these options is.</summary>
    public static TuningKey Of(CpuOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new(
            ProcessorName.Model, ComputeSettings.NameOf(KernelSet.For(options.InstructionSet).Isa),
            options.Threads ?? ProcessorCores.Count, KernelVersion.Name);
    }
}

/// <summary>A kind of matrix: how it is used, what it is saved in, and its shape.</summary>
/// <param name="Saved">The quantised format that it is saved in; null for plain numbers.</param>
public readonly record struct MatrixKind(WeightUse Use, WeightFormat? Saved, int Outputs, int Inputs);

/// <summary>What a kind of matrix was measured to be fastest in.</summary>
public sealed record TunedFormat(MatrixKind Kind, WeightFormat Computed);

/// <summary>
/// The formats that were measured to be fastest here, by kind of matrix: <see cref="FormatTuner"/> makes them, <see cref="WeightChoice"/>
/// goes by them. As text they are JSON that says what they hold for.
/// </summary>
public sealed class TunedFormats
{
    const int MostFormats = 4096, MostBytes = 1 << 20, MostSize = 1 << 24;

    readonly Dictionary<MatrixKind, WeightFormat> _formats = [];

    public TunedFormats(TuningKey key, IEnumerable<TunedFormat> formats)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(formats);
        Key = key;
        foreach (var format in formats) _formats[format.Kind] = format.Computed;
    }

    public TuningKey Key { get; }

    public IReadOnlyCollection<TunedFormat> Formats => [.. _formats.Select(pair => new TunedFormat(pair.Key, pair.Value))];

    /// <summary>What a kind of matrix is fastest in; null where it was not measured.</summary>
    public WeightFormat? Find(MatrixKind kind) => _formats.GetValueOrDefault(kind);

    /// <summary>These, and others in their place where both have one.</summary>
    public TunedFormats With(TunedFormats newer)
    {
        ArgumentNullException.ThrowIfNull(newer);
        return new TunedFormats(newer.Key, [.. Formats, .. newer.Formats]);
    }

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(
        new TuningFile
        {
            Key = Key,
            Formats =
            [
                .. Formats.Select(format => new TuningLine(
                    format.Kind.Use == WeightUse.ManyRows ? TuningLine.Many : TuningLine.Few, format.Kind.Saved?.Name ?? TuningLine.Plain,
                    format.Kind.Outputs, format.Kind.Inputs, format.Computed.Name))
                .OrderBy(line => line.Use, StringComparer.Ordinal).ThenBy(line => line.Saved, StringComparer.Ordinal)
                .ThenBy(line => line.Outputs).ThenBy(line => line.Inputs),
            ],
        }, TuningJson.Default.TuningFile);

    /// <summary>Reads what <see cref="ToJson"/> wrote; null where it is no such text, or holds for something else than a key.</summary>
    public static TunedFormats? Parse(ReadOnlySpan<byte> json, TuningKey key)
    {
        if (json.Length > MostBytes) return null;
        try
        {
            var file = JsonSerializer.Deserialize(json, TuningJson.Default.TuningFile);
            if (file is null || file.Key != key || file.Formats.Count > MostFormats) return null;
            var formats = new List<TunedFormat>();
            foreach (var line in file.Formats)
            {
                if (line is null || FormatOf(line) is not { } format) return null;
                formats.Add(format);
            }
            return new TunedFormats(key, formats);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // Only what the tuner could have found: no file makes results less exact than what is saved.
    static TunedFormat? FormatOf(TuningLine line)
    {
        WeightFormat? saved = null;
        if (line.Saved != TuningLine.Plain && !WeightFormat.TryParse(line.Saved, null, out saved)) return null;
        if (line.Use is not (TuningLine.Many or TuningLine.Few) || line.Outputs is < 1 or > MostSize || line.Inputs is < 1 or > MostSize
            || !WeightFormat.TryParse(line.Computed, null, out var computed)) return null;
        var kind = new MatrixKind(line.Use == TuningLine.Many ? WeightUse.ManyRows : WeightUse.FewRows, saved, line.Outputs, line.Inputs);
        return FormatTuner.Choices(kind).Contains(computed) ? new TunedFormat(kind, computed) : null;
    }
}

/// <summary>The text of measured formats.</summary>
internal sealed record TuningFile
{
    public required TuningKey Key { get; init; }

    public required IReadOnlyList<TuningLine> Formats { get; init; }
}

internal sealed record TuningLine(string Use, string Saved, int Outputs, int Inputs, string Computed)
{
    public const string Many = "many rows", Few = "few rows", Plain = "plain";
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, NewLine = "\n",
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(TuningFile))]
internal sealed partial class TuningJson : JsonSerializerContext;
