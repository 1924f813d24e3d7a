using System.Text.Json;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>What a model folder's configuration says of quantised weights.</summary>
public static class SavedFormat
{
    internal const string ConfigKey = "quantization_config";
    internal const string Method = "earshot";

    /// <summary>The format that a model folder's configuration says its weights are quantised in, or null.</summary>
    /// <exception cref="CheckpointException">The configuration names a method or format that is not known.</exception>
    public static WeightFormat? Of(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var path = Path.Combine(folder, ModelFolder.ConfigName);
        using var settings = SettingsFile.Open(path, "tells the model's kind and its sizes");
        if (!settings.Root.TryGetProperty(ConfigKey, out var scheme) || scheme.ValueKind == JsonValueKind.Null) return null;
        string? Text(string key) => scheme.ValueKind == JsonValueKind.Object && scheme.TryGetProperty(key, out var value)
            && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        if (Text("quant_method") != Method)
        {
            throw new CheckpointException(
                $"'{path}': {ConfigKey}.quant_method is '{Text("quant_method")}'; only weights quantised by Earshot ('{Method}') are " +
                "read. Use the original checkpoint and quantise it at load or with 'earshot quantize'.");
        }
        return WeightFormat.TryParse(Text("format"), null, out var known) && WeightScheme.Formats.Contains(known)
            ? known
            : throw new CheckpointException(
                $"'{path}': {ConfigKey}.format is '{Text("format")}'; expected one of {string.Join(", ", WeightScheme.Formats)}.");
    }
}
