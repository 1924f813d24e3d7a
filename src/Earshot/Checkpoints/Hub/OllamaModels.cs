using System.Text.Json;

namespace Earshot.Checkpoints;

/// <summary>
/// Models that Ollama has downloaded: manifests by name, which say which blob holds the weights. Read, and never written.
/// </summary>
sealed class OllamaModels(IReadOnlyList<string> roots)
{
    const string DefaultHost = "registry.ollama.ai", DefaultOwner = "library", DefaultTag = "latest";
    const string WeightsType = "application/vnd.ollama.image.model";
    const long MaxManifest = 1 << 20;

    /// <summary>The weights of a model by Ollama's name (<c>llama3.2:1b</c>), or null where no root has it.</summary>
    /// <exception cref="CheckpointException">The model is there and damaged or incomplete.</exception>
    public string? Find(string text)
    {
        var (name, tag) = TaggedName.Parse(text);
        var parts = name.Split('/');
        if (parts.Length > 3 || !parts.All(TaggedName.IsPlain) || !(tag is null || TaggedName.IsPlain(tag))) return null;
        string[] full = parts.Length switch
        {
            1 => [DefaultHost, DefaultOwner, parts[0]],
            2 => [DefaultHost, .. parts],
            _ => parts,
        };
        foreach (var root in roots)
        {
            var manifest = Path.Combine([root, "manifests", .. full, tag ?? DefaultTag]);
            if (File.Exists(manifest)) return Weights(root, manifest).File;
        }
        return null;
    }

    /// <summary>All models of all roots.</summary>
    public IEnumerable<ListedModel> List()
    {
        foreach (var root in roots)
        {
            var manifests = Path.Combine(root, "manifests");
            if (!Directory.Exists(manifests)) continue;
            foreach (var manifest in LocalModels.Files(manifests))
            {
                var parts = Path.GetRelativePath(manifests, manifest).Split(Path.DirectorySeparatorChar);
                if (parts.Length != 4) continue;
                (string? file, long? bytes) = (null, null);
                try
                {
                    (file, bytes) = Weights(root, manifest);
                }
                catch (CheckpointException)
                {
                    // Listed as incomplete; opening it says why.
                }
                yield return new ListedModel
                {
                    Name = NameOf(parts),
                    Where = ModelPlace.Ollama,
                    Purpose = LocalModels.LanguageModel,
                    IsComplete = file is not null,
                    Bytes = bytes,
                    Folder = file ?? manifest,
                };
            }
        }
    }

    static string NameOf(string[] parts)
    {
        var owner = parts[0] != DefaultHost ? $"{parts[0]}/{parts[1]}/" : parts[1] != DefaultOwner ? $"{parts[1]}/" : "";
        return $"{owner}{parts[2]}:{parts[3]}";
    }

    static (string File, long? Bytes) Weights(string root, string manifest)
    {
        CheckpointException Wrong(string what) =>
            new($"'{manifest}', a manifest of Ollama's, {what}. Pull the model again: `ollama pull`.");

        if (new FileInfo(manifest).Length > MaxManifest) throw Wrong($"is larger than {MaxManifest} bytes");
        using var settings = SettingsFile.OpenIfPresent(manifest) ?? throw Wrong("is gone");
        if (!settings.Root.TryGetProperty("layers", out var layers)) throw Wrong("has no 'layers'");
        var weights = settings.Array(layers, "layers").Where(layer => Text(layer, "mediaType") == WeightsType).ToList();
        if (weights is not [var layer]) throw Wrong($"names {weights.Count} files of weights; one is read");
        var digest = Text(layer, "digest") ?? "";
        if (!digest.StartsWith("sha256:", StringComparison.Ordinal) || digest.Length != 71
            || !digest[7..].All(char.IsAsciiHexDigitLower))
            throw Wrong($"has the digest '{(digest.Length > 80 ? digest[..80] : digest)}'; expected sha256: and 64 digits");
        var blob = Path.Combine(root, "blobs", digest.Replace(':', '-'));
        if (!File.Exists(blob)) throw Wrong($"names the weights '{blob}', which are not there");
        long length = new FileInfo(blob).Length;
        if (layer.TryGetProperty("size", out var size) && size.TryGetInt64(out long told) && told != length)
            throw Wrong($"says that '{blob}' has {told} bytes, and it has {length}");
        return (blob, length);
    }

    static string? Text(JsonElement element, string key) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
