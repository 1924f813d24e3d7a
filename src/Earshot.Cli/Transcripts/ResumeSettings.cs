using System.Globalization;
using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using Earshot.Cli.Models;
using Earshot.Transcription;

namespace Earshot.Cli.Transcripts;

/// <summary>
/// All that a transcript depends on beside the recording, by name, so that going on with other settings can be refused and the difference
/// told.
/// </summary>
internal static class ResumeSettings
{
    const int PartLength = 1 << 16;

    /// <param name="folder">The model's folder.</param>
    public static IReadOnlyDictionary<string, string> Of(string folder, LoadOptions loading, TranscriptionOptions options)
    {
        var settings = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["model"] = ModelDigest(folder),
            ["weights"] = $"{loading.Cpu.Weights?.ToString() ?? "default"}",
            ["precision"] = $"{loading.Precision?.ToString() ?? "default"}",
            ["device"] = loading.Onnx?.Wish ?? "earshot",
            ["tuned"] = loading.Cpu.Tuned is { } tuned ? Convert.ToHexStringLower(XxHash128.Hash(tuned.ToJson())) : "no",
            ["draft"] = loading.Cpu.Draft ?? "none",
            ["channel"] = options.EachChannel ? "all" : options.Audio.Channel?.ToString(CultureInfo.InvariantCulture) ?? "mix",
            ["strict"] = options.Audio.Strict ? "on" : "off",
        };
        using var json = JsonSerializer.SerializeToDocument(
            options with { Resume = null, Audio = new() }, ResumeJson.Default.TranscriptionOptions);
        Add(settings, json.RootElement, "");
        return settings;
    }

    // Options within options are told by their own names; where two have one, by that of what they are in too.
    static void Add(SortedDictionary<string, string> settings, JsonElement options, string within)
    {
        foreach (var option in options.EnumerateObject())
        {
            var (path, value) = ($"{within}{option.Name}", option.Value);
            if (value.ValueKind == JsonValueKind.Object) Add(settings, value, $"{path}.");
            else if (!settings.TryAdd(option.Name, value.GetRawText())) settings[path] = value.GetRawText();
        }
    }

    /// <summary>
    /// Tells models apart by their files' names, lengths, beginnings and ends: fine-tuned weights differ in all of their parts.
    /// </summary>
    static string ModelDigest(string folder)
    {
        var hash = new XxHash128();
        var part = new byte[PartLength];
        foreach (var file in ModelFile.AllOf(folder).Select(file => file.FullName))
        {
            if (Path.GetFileName(file) is ['.', ..] or ['R', 'E', 'A', 'D', 'M', 'E', ..] or ['L', 'I', 'C', 'E', 'N', 'S', 'E', ..])
                continue;
            using var stream = File.OpenRead(file);
            hash.Append(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(file)} {stream.Length}\n")));
            hash.Append(part.AsSpan(0, stream.ReadAtLeast(part, PartLength, throwOnEndOfStream: false)));
            stream.Position = Math.Max(stream.Position, stream.Length - PartLength);
            hash.Append(part.AsSpan(0, stream.ReadAtLeast(part, PartLength, throwOnEndOfStream: false)));
        }
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }
}
