using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Models;

namespace Earshot.TextGeneration;

/// <summary>An adapter (LoRA) to load a language model with: a folder that PEFT saved.</summary>
/// <param name="Folder">The folder with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</param>
public sealed record AdapterOptions(string Folder)
{
    /// <summary>
    /// What <see cref="GenerationOptions.Adapter"/> calls it: it is kept apart from the weights and changes only the generations that name
    /// it. Null: it holds for all, merged into weights that are plain numbers, and computed beside them where they are quantised.
    /// </summary>
    public string? Name { get; init; }
}

/// <summary>The adapters of a loaded model: those that are in its weights, and those beside them.</summary>
sealed class LanguageModelAdapters : IDisposable
{
    readonly List<LoraAdapter> _opened = [];
    readonly Dictionary<string, LowRankAdapter> _named = new(StringComparer.Ordinal);

    ITensorStore? _weights;

    LanguageModelAdapters(ITensorStore? weights) => _weights = weights;

    /// <summary>No adapters, of a model whose weights are elsewhere.</summary>
    public static LanguageModelAdapters None { get; } = new(null);

    /// <summary>The model's tensors, with what is merged into them.</summary>
    public ITensorStore Weights => _weights!;

    /// <summary>What holds for every generation that names none.</summary>
    public LowRankAdapter? Unnamed { get; private set; }

    public IReadOnlyCollection<string> Names => _named.Keys;

    /// <summary>Whether matrices of adapters are computed with.</summary>
    public bool IsAny => Unnamed is not null || _named.Count > 0;

    /// <exception cref="CheckpointException">
    /// An adapter is missing, damaged, of another model or of a kind that is not implemented.
    /// </exception>
    /// <exception cref="ModelException">An adapter cannot be used in the way that is asked for.</exception>
    public static LanguageModelAdapters Load(ModelWeights weights, CausalLmConfig config, IReadOnlyList<AdapterOptions> adapters)
    {
        var loaded = new LanguageModelAdapters(weights);
        try
        {
            bool isQuantised = weights.Names.Any(name => weights.FormatOf(name) is not null);
            // Those with names are beside the weights with what is merged, whatever their order.
            foreach (var adapter in adapters.Where(each => each.Name is null)) loaded.AddUnnamed(adapter.Folder, config, isQuantised);
            foreach (var adapter in adapters.Where(each => each.Name is not null)) loaded.AddNamed(adapter.Folder, adapter.Name!);
            return loaded;
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    /// <summary>What a generation is computed with.</summary>
    /// <exception cref="ArgumentException">There is no adapter of that name.</exception>
    public LowRankAdapter? Find(string? name)
    {
        if (name is null) return Unnamed;
        return _named.GetValueOrDefault(name) ?? throw new ArgumentException(
            $"There is no adapter '{name}'; the model was loaded with " +
            $"{(_named.Count == 0 ? "none" : string.Join(", ", _named.Keys.Select(each => $"'{each}'")))}.");
    }

    /// <summary>Whether a matrix is an adapter's: narrow, and computed as it is.</summary>
    public static bool IsPart(string matrix) =>
        matrix.EndsWith(LowRankAdapter.DownName, StringComparison.Ordinal)
        || matrix.EndsWith(LowRankAdapter.UpName, StringComparison.Ordinal);

    public void Dispose()
    {
        foreach (var adapter in _opened) adapter.Dispose();
    }

    void AddUnnamed(string folder, CausalLmConfig config, bool isQuantised)
    {
        var adapter = Open(folder);
        if (!isQuantised)
        {
            _weights = adapter.MergeInto(Weights, config);
            return;
        }
        if (Unnamed is not null)
            throw new ModelException(
                $"The weights of '{Weights.Location}' are quantised, so that adapters are computed beside them, one at a time; " +
                $"'{Unnamed.Name}' and '{folder}' were given for all generations. Give them names, and name one in each generation, " +
                "or load the model that the file was made from.");
        Unnamed = adapter.KeepApart(Weights, folder);
    }

    void AddNamed(string folder, string name)
    {
        if (Unnamed is not null)
            throw new ModelException(
                $"The weights of '{Weights.Location}' are quantised: '{Unnamed.Name}' is computed beside them and not merged, and " +
                $"'{name}' would be without it. Give it a name too.");
        if (!_named.TryAdd(name, Open(folder).KeepApart(Weights, name)))
            throw new ModelException($"Two adapters are called '{name}'. Give each a name of its own.");
    }

    LoraAdapter Open(string folder)
    {
        var adapter = LoraAdapter.Open(folder);
        _opened.Add(adapter);
        return adapter;
    }
}
