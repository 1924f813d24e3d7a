using System.Text.Json;
using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>Settings that the configurations of many families have.</summary>
static class ConfigSettings
{
    /// <summary>An activation, by the name that it has in Hugging Face's configurations.</summary>
    /// <exception cref="CheckpointException">The activation is not implemented.</exception>
    public static Activation Activation(this SettingsFile settings, string key, Activation absent) => settings.OptionalText(key) switch
    {
        null => absent,
        "gelu" => Compute.Activation.Gelu,
        "gelu_new" or "gelu_pytorch_tanh" => Compute.Activation.GeluTanh,
        "quick_gelu" => Compute.Activation.QuickGelu,
        "relu" => Compute.Activation.Relu,
        "silu" or "swish" => Compute.Activation.Silu,
        "tanh" => Compute.Activation.Tanh,
        var other => throw settings.Wrong(key, "gelu, gelu_new, gelu_pytorch_tanh, quick_gelu, relu, silu, swish or tanh", other),
    };

    /// <summary>Refuses a model of the same sizes that was made for another task; a file that does not tell is believed.</summary>
    /// <exception cref="CheckpointException">The file names other architectures.</exception>
    public static void RequireArchitecture(this SettingsFile settings, params string[] names)
    {
        const string key = "architectures";
        if (!settings.Has(key)) return;
        var value = settings.Root.GetProperty(key);
        if (!settings.Array(value, key).Any(item => item.ValueKind == JsonValueKind.String && names.Contains(item.GetString())))
            throw settings.Wrong(key, string.Join(" or ", names.Select(name => $"[\"{name}\"]")), value.GetRawText());
    }

    /// <summary>Refuses a number that does not divide another.</summary>
    public static void RequireDivisor(this SettingsFile settings, string key, int divisor, (string Key, int Value) of)
    {
        if (of.Value % divisor != 0) throw settings.Wrong(key, $"a divisor of '{of.Key}', which is {of.Value}", $"{divisor}");
    }

    /// <summary>Refuses an array that has not as many numbers as another.</summary>
    public static void RequireLength(this SettingsFile settings, string key, int length, (string Key, int Length) other)
    {
        if (length != other.Length) throw settings.Wrong(key, $"{other.Length} numbers, as many as '{other.Key}' has", $"{length}");
    }
}
