using System.Text.Json;
using System.Text.Json.Serialization;
using Earshot.Cli.Files;
using Earshot.Transcription;

namespace Earshot.Cli.Transcripts;

/// <summary>The file beside a partial transcript: all that going on from there takes, and what it was made with.</summary>
internal sealed record ResumeFile
{
    const int CurrentVersion = 1;
    const long MaxLength = 1 << 30;

    public int Version { get; init; } = CurrentVersion;

    /// <summary>The recording's length in samples, where it could tell.</summary>
    public long? TotalSamples { get; init; }

    /// <summary>The model and every option that the text depends on.</summary>
    public required IReadOnlyDictionary<string, string> Settings { get; init; }

    public required IReadOnlyList<TrackState> Tracks { get; init; }

    /// <summary>Audio done with.</summary>
    [JsonIgnore]
    public TimeSpan Processed => TimeSpan.FromTicks(Tracks.Sum(track => track.Processed.Ticks) / Math.Max(1, Tracks.Count));

    /// <summary>Reads a file; null where there is none.</summary>
    /// <exception cref="IOException">It cannot be read, or is no such file.</exception>
    public static ResumeFile? Load(string path)
    {
        if (!File.Exists(path)) return null;
        if (new FileInfo(path).Length > MaxLength) throw Damaged(path, null);
        try
        {
            var file = JsonSerializer.Deserialize(File.ReadAllBytes(path), ResumeJson.Default.ResumeFile);
            return file is { Version: CurrentVersion, Tracks.Count: > 0 } && file.Tracks.All(IsSound) ? file : throw Damaged(path, null);
        }
        catch (JsonException e)
        {
            throw Damaged(path, e);
        }
    }

    public void Save(string path)
    {
        using var file = OutputFile.Create(path);
        file.Writer.Write(JsonSerializer.Serialize(this, ResumeJson.Default.ResumeFile));
        file.Complete(overwrite: true);
    }

    /// <summary>What differs from the settings of now, in words; null where nothing does.</summary>
    public string? DifferenceFrom(IReadOnlyDictionary<string, string> settings)
    {
        var different = Settings.Keys.Union(settings.Keys).Order(StringComparer.Ordinal)
            .Select(
                name => (Name: name, Was: Settings.GetValueOrDefault(name, "not given"), Is: settings.GetValueOrDefault(name, "not given")))
            .FirstOrDefault(setting => setting.Was != setting.Is);
        return different.Name is null ? null : $"{different.Name} was {different.Was}, and is {different.Is}";
    }

    static bool IsSound(TrackState track) =>
        track is { Position: { Windows: >= 0, Seek: >= 0, Segments: >= 0, Context: not null }, Segments: not null }
        && track.Samples is { Count: >= 0, Hash: not null }
        && track.Segments.Count == track.Position.Segments && double.IsFinite(track.Position.LastSpeech);

    static IOException Damaged(string path, Exception? cause) =>
        new($"'{path}' is damaged, or of another version of Earshot; delete it, or leave --resume out, to begin anew.", cause);
}

[JsonSerializable(typeof(ResumeFile))]
[JsonSerializable(typeof(TranscriptionOptions))]
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
internal sealed partial class ResumeJson : JsonSerializerContext;
