using System.Text.Json;
using Earshot.Checkpoints;

namespace Earshot.Models;

/// <summary>
/// The positions that layers of a language model see, as configurations tell them: <c>sliding_window</c> of Qwen's files, which
/// <c>use_sliding_window</c> switches on, in the layers from <c>max_window_layers</c> on or in those that <c>layer_types</c> names.
/// </summary>
static class CausalLmWindows
{
    const int MaxWindow = 1 << 24;
    const string Full = "full_attention", Sliding = "sliding_attention";

    /// <summary>How many positions each layer sees, 0 for all; empty where all layers see all.</summary>
    /// <exception cref="CheckpointException">A value cannot be, or asks for what the kind of model does not have.</exception>
    public static IReadOnlyList<int> Read(SettingsFile settings, string type, int layers)
    {
        var types = TypesOf(settings, layers);
        if (type == "llama")
        {
            // Llama has none; a file that names one is another model's, such as Mistral's under this name.
            foreach (var key in (ReadOnlySpan<string>)["sliding_window", "max_window_layers"])
            {
                if (settings.Has(key))
                    throw settings.Wrong(key, "absent: Llama's layers see all positions", settings.Root.GetProperty(key).GetRawText());
            }
            settings.OnlyIfPresent("use_sliding_window", "false");
        }
        // Qwen's files name a window and leave it switched off.
        bool isOn = settings.Flag("use_sliding_window", absent: false);
        if (types?.Contains(true) == true && !isOn)
            throw settings.Wrong("layer_types", $"{Full} for all layers where 'use_sliding_window' is not true", Sliding);
        if (!isOn) return [];
        // The kinds' own defaults, where a file leaves them out.
        int window = settings.OptionalInteger("sliding_window", 1, MaxWindow) ?? 4096;
        int first = settings.OptionalInteger("max_window_layers", 0, MaxWindow) ?? 28;
        int[] windows = [.. Enumerable.Range(0, layers).Select(layer => (types?[layer] ?? layer >= first) ? window : 0)];
        return windows.All(each => each == 0) ? [] : windows;
    }

    static bool[]? TypesOf(SettingsFile settings, int layers)
    {
        const string key = "layer_types";
        if (!settings.Has(key)) return null;
        var value = settings.Root.GetProperty(key);
        bool[] types =
        [
            .. settings.Array(value, key).Select(item => item.ValueKind == JsonValueKind.String && item.GetString() is Full or Sliding
                ? item.GetString() == Sliding
                : throw settings.Wrong(key, $"{Full} or {Sliding} for each layer", item.GetRawText())),
        ];
        settings.RequireLength(key, types.Length, ("num_hidden_layers", layers));
        return types;
    }
}
