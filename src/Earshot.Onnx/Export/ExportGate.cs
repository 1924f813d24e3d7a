using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Earshot.Onnx.Export;

/// <summary>A recording and what is said in it.</summary>
public sealed record GateClip(string Path, string Reference);

/// <summary>Word error rates over the same clips, 0.05 being 5 %.</summary>
public sealed record GateResult(double Before, double After)
{
    public double Increase => After - Before;

    /// <summary>As in <c>word error rate 5.20 % before, 5.31 % after (+0.11)</c>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"word error rate {100 * Before:F2} % before, {100 * After:F2} % after ({100 * Increase:+0.00;−0.00;0.00})");
}

/// <summary>What a model hears in a clip: its text.</summary>
public delegate ValueTask<string> ClipText(GateClip clip, CancellationToken cancellationToken);

/// <summary>
/// Lets an export of reduced precision pass only when it still hears well: both models transcribe the same clips, and the word error
/// rate may grow only so far. How to transcribe and how to score are given from outside.
/// </summary>
public sealed class ExportGate
{
    const long MaxManifestLength = 16 << 20;

    readonly Func<IReadOnlyList<(string Reference, string Hypothesis)>, double> _score;

    /// <param name="score">The word error rate of all pairs of reference and hypothesis together.</param>
    public ExportGate(Func<IReadOnlyList<(string Reference, string Hypothesis)>, double> score)
    {
        ArgumentNullException.ThrowIfNull(score);
        _score = score;
    }

    /// <summary>How much the word error rate may grow: 0.003 is 0.3 in percent.</summary>
    public double MostIncrease { get; init; } = 0.003;

    /// <summary>Compares what two models hear, one model after the other, clip by clip.</summary>
    /// <exception cref="ModelException">The word error rate grew too much; the message has the figures.</exception>
    public async Task<GateResult> CheckAsync(
        ClipText before, ClipText after, IReadOnlyList<GateClip> clips, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        ArgumentNullException.ThrowIfNull(clips);
        if (clips.Count == 0) throw new ModelException("There are no clips to compare the models with. Give a manifest with at least one.");
        var result = new GateResult(
            await ScoreAsync(before, clips, cancellationToken).ConfigureAwait(false),
            await ScoreAsync(after, clips, cancellationToken).ConfigureAwait(false));
        if (result.Increase <= MostIncrease) return result;
        throw new ModelException(string.Create(
            CultureInfo.InvariantCulture,
            $"The export is refused: {result} on {clips.Count} clips, where at most +{100 * MostIncrease:F2} is allowed. " +
            $"Choose a higher precision, or allow more."));
    }

    /// <summary>
    /// Reads a manifest: a JSON array of objects with <c>file</c>, relative to the manifest, and <c>reference</c>; clips whose reference is
    /// null are left out.
    /// </summary>
    /// <exception cref="CheckpointException">The file is missing, damaged, or names something outside its folder.</exception>
    public static IReadOnlyList<GateClip> ReadManifest(string path)
    {
        var info = new FileInfo(path);
        if (!info.Exists || info.Length > MaxManifestLength)
            throw new CheckpointException($"There is no manifest '{path}' of at most {MaxManifestLength} bytes.");
        List<ManifestEntry?>? entries;
        try
        {
            entries = JsonSerializer.Deserialize(File.ReadAllBytes(path), GateJson.Default.ListManifestEntry);
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            throw new CheckpointException($"The manifest '{path}' cannot be read: {e.Message}", e);
        }
        return [.. (entries ?? []).Select(entry => Clip(path, entry)).OfType<GateClip>()];
    }

    static GateClip? Clip(string manifest, ManifestEntry? entry)
    {
        if (entry is not { File: { Length: > 0 } file })
            throw new CheckpointException($"The manifest '{manifest}' has an entry without 'file'.");
        var folder = Path.GetDirectoryName(Path.GetFullPath(manifest))!;
        var relative = Path.GetRelativePath(folder, Path.GetFullPath(file, folder));
        if (Path.IsPathRooted(file) || relative.StartsWith("..", StringComparison.Ordinal))
            throw new CheckpointException($"The manifest '{manifest}' names '{file}', which is outside its folder.");
        return entry.Reference is { } reference ? new GateClip(Path.Combine(folder, relative), reference) : null;
    }

    async Task<double> ScoreAsync(ClipText text, IReadOnlyList<GateClip> clips, CancellationToken cancellationToken)
    {
        var pairs = new List<(string, string)>(clips.Count);
        foreach (var clip in clips)
        {
            cancellationToken.ThrowIfCancellationRequested();
            pairs.Add((clip.Reference, await text(clip, cancellationToken).ConfigureAwait(false)));
        }
        return _score(pairs);
    }
}

sealed record ManifestEntry(string? File, string? Reference);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(List<ManifestEntry>))]
sealed partial class GateJson : JsonSerializerContext;
