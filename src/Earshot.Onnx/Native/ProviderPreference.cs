using System.Collections;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Earshot.Onnx.Native;

/// <summary>
/// A wish for execution providers, best first. One that is not there falls to the next; a wish for exactly one that is not there,
/// or for several of which none is there, is an error. Without <c>cpu</c> among them, operators that the wished ones lack still run on the
/// processor.
/// </summary>
[CollectionBuilder(typeof(ProviderPreference), nameof(Create))]
public sealed class ProviderPreference : IReadOnlyList<ExecutionProvider>
{
    readonly ExecutionProvider[] _providers;

    ProviderPreference(ReadOnlySpan<ExecutionProvider> providers)
    {
        if (providers.Length == 0)
        {
            throw new OnnxRuntimeException(
                "A wish for execution providers names at least one, such as cpu.", OnnxErrorCode.InvalidArgument);
        }
        _providers = providers.ToArray();
        if (_providers.DistinctBy(provider => provider.Name).Count() < _providers.Length)
            throw new OnnxRuntimeException($"The wish '{this}' names an execution provider twice.", OnnxErrorCode.InvalidArgument);
    }

    /// <summary>The processor alone.</summary>
    public static ProviderPreference Cpu { get; } = Create([new CpuProvider()]);

    public int Count => _providers.Length;

    public ExecutionProvider this[int index] => _providers[index];

    public static ProviderPreference Create(ReadOnlySpan<ExecutionProvider> providers) => new(providers);

    /// <summary>
    /// Reads a wish: names with settings after them, apart by commas, as in
    /// <c>tensorrt fp16 cache=/var/cache/engines workspace=2GB, cuda device=1 arena=4GB, cpu threads=4</c>.
    /// </summary>
    /// <exception cref="OnnxRuntimeException">A name or a setting is not known; the message says which there are.</exception>
    public static ProviderPreference Parse(string wish)
    {
        ArgumentNullException.ThrowIfNull(wish);
        var parts = wish.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return Create(Array.ConvertAll(parts, ParseOne));
    }

    public IEnumerator<ExecutionProvider> GetEnumerator() => ((IEnumerable<ExecutionProvider>)_providers).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The names, as in <c>tensorrt, cuda, cpu</c>.</summary>
    public override string ToString() => string.Join(", ", _providers.Select(provider => provider.Name));

    static ExecutionProvider ParseOne(string text)
    {
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var settings = new Dictionary<string, string>();
        foreach (var word in words[1..])
        {
            int equals = word.IndexOf('=', StringComparison.Ordinal);
            if (!settings.TryAdd(equals < 0 ? word : word[..equals], equals < 0 ? "1" : word[(equals + 1)..]))
                throw Bad($"'{text}' has the same setting twice.");
        }
        ExecutionProvider provider = words[0].ToLowerInvariant() switch
        {
            "cpu" => new CpuProvider
            {
                Threads = (int?)Number(settings, "threads", text),
                Arena = Take(settings, "arena") is not ("0" or "off" or "false"),
            },
            "cuda" =>
                new CudaProvider { Device = (int)(Number(settings, "device", text) ?? 0), ArenaLimit = Number(settings, "arena", text) },
            "tensorrt" => new TensorRtProvider
            {
                Device = (int)(Number(settings, "device", text) ?? 0),
                Float16 = Take(settings, "fp16") is "1" or "on" or "true",
                EngineCachePath = Take(settings, "cache"),
                WorkspaceBytes = Number(settings, "workspace", text),
            },
            var name => new OtherProvider(name),
        };
        return WithRest(provider, settings, text);
    }

    /// <summary>Hands settings that are not ours to the provider itself; the processor has none.</summary>
    static ExecutionProvider WithRest(ExecutionProvider provider, Dictionary<string, string> rest, string text) =>
        rest.Count == 0 ? provider : provider switch
        {
            CudaProvider cuda => cuda with { Settings = rest },
            TensorRtProvider tensorRt when rest.Keys.All(key => key.StartsWith("trt_", StringComparison.Ordinal)) =>
                tensorRt with { Settings = rest },
            TensorRtProvider => throw Bad(
                $"'{text}': there is no setting '{rest.Keys.First()}'; " +
                "tensorrt has device, fp16, cache, workspace, and the provider's own that begin with trt_."),
            OtherProvider other => other with { Settings = rest },
            _ => throw Bad($"'{text}': there is no setting '{rest.Keys.First()}'; cpu has threads and arena."),
        };

    static string? Take(Dictionary<string, string> settings, string key) => settings.Remove(key, out var value) ? value : null;

    static long? Number(Dictionary<string, string> settings, string key, string text)
    {
        if (Take(settings, key) is not { } value) return null;
        var (digits, unit) = value.ToUpperInvariant() switch
        {
            var v when v.EndsWith("GB", StringComparison.Ordinal) => (v[..^2], 1L << 30),
            var v when v.EndsWith("MB", StringComparison.Ordinal) => (v[..^2], 1L << 20),
            var v => (v, 1L),
        };
        if (long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            && number <= (unit == 1 ? int.MaxValue : 1L << 20))
        {
            return number * unit;
        }
        throw Bad($"'{text}': the setting '{key}' is '{value}'; expected a number such as 4 or 2GB.");
    }

    static OnnxRuntimeException Bad(string message) => new(message, OnnxErrorCode.InvalidArgument);
}
