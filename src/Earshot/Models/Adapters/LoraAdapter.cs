using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Parts;

namespace Earshot.Models;

/// <summary>
/// A LoRA adapter as PEFT saves one: a folder with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>, whose tensors have the
/// names of the model's modules. Everything in it is used, or it is refused by name.
/// </summary>
sealed class LoraAdapter : IDisposable
{
    const string FileName = "adapter_model.safetensors", PickleName = "adapter_model.bin";
    const string Prefix = "base_model.model.", TokenTable = "model.embed_tokens", Output = "lm_head";

    readonly string _folder;
    readonly LoraConfig _config;
    readonly SafetensorsFile _file;
    readonly Dictionary<string, LoraModule> _modules = new(StringComparer.Ordinal);

    // Tensors that take the place of the model's own, by its names.
    readonly Dictionary<string, StoredTensor> _replaced = new(StringComparer.Ordinal);

    LoraAdapter(string folder, LoraConfig config, SafetensorsFile file) => (_folder, _config, _file) = (folder, config, file);

    /// <summary>Reads an adapter's settings and the names of its tensors.</summary>
    /// <exception cref="CheckpointException">It is missing, damaged, incomplete, or of a kind that is not implemented.</exception>
    public static LoraAdapter Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder))
            throw new CheckpointException(
                $"There is no folder '{folder}', which should hold an adapter ({LoraConfig.FileName}). Check the path.");
        var config = LoraConfig.Load(folder);
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path) && File.Exists(Path.Combine(folder, PickleName)))
            throw new CheckpointException(
                $"'{folder}' holds its adapter as '{PickleName}' only, a Python pickle, which can run any code and is never opened here. " +
                $"Save it with a newer PEFT, which writes '{FileName}'.");
        var adapter = new LoraAdapter(folder, config, SafetensorsFile.Open(path));
        try
        {
            adapter.Sort();
            return adapter;
        }
        catch
        {
            adapter.Dispose();
            throw;
        }
    }

    /// <summary>A model's tensors with this adapter in them.</summary>
    /// <exception cref="CheckpointException">It was made for another model, or changes what the model does not have.</exception>
    /// <exception cref="ModelException">It changes what cannot be changed in this model.</exception>
    public ITensorStore MergeInto(ITensorStore model, CausalLmConfig config)
    {
        if (config.TieWordEmbeddings && _modules.Keys.Concat(_replaced.Keys).FirstOrDefault(IsTable) is { } tied)
        {
            throw new ModelException(
                $"The adapter '{_folder}' changes '{tied}', which in this model is both the token table and the output projection " +
                "('tie_word_embeddings'); an adapter does not say whether it means both. Untie the model, save it, and merge into that.");
        }
        var merged = new ComputedTensors(model);
        foreach (var module in _modules.Values) module.Merge(merged, Of(model, $"{module.Name}.weight"), this);
        foreach (var (name, stored) in _replaced)
        {
            var own = Of(model, name);
            if (own.Shape != stored.Shape) throw Unfit(stored.Name, stored.Shape, (name, own.Shape));
            merged.Add(name, own.Shape, (row, values) => stored.ReadFloats((long)row * values.Length, values));
        }
        return merged;
    }

    /// <summary>The adapter beside a model's matrices, which stay as they are.</summary>
    /// <exception cref="CheckpointException">It was made for another model.</exception>
    /// <exception cref="ModelException">It changes more than the matrices of layers, or their length.</exception>
    public LowRankAdapter KeepApart(ITensorStore model, string name)
    {
        string? inTheWay = _config.IsDora ? "use_dora"
            : _replaced.Count > 0 ? _replaced.Values.First().Name
            : _modules.Values.FirstOrDefault(module => module.IsTable || module.Name == Output)?.DownName;
        if (inTheWay is not null)
            throw new ModelException(
                $"The adapter '{_folder}' has '{inTheWay}', which cannot be kept apart from the model's weights, only merged into them: " +
                "give it no name as it is loaded, over a model whose weights are plain numbers.");
        var tensors = new ComputedTensors(new NoTensors(_file.Location));
        foreach (var module in _modules.Values) module.KeepApart(tensors, Of(model, $"{module.Name}.weight"), this);
        return new LowRankAdapter(name, tensors);
    }

    public void Dispose() => _file.Dispose();

    /// <summary>What to tell of a tensor that does not fit the model's.</summary>
    internal CheckpointException Unfit(string tensor, Shape shape, (string Name, Shape Shape) own) => new(
        $"The adapter '{_folder}'{MadeFor} does not fit the model: its '{tensor}' has shape {shape}, the model's '{own.Name}' " +
        $"{own.Shape}. Load the model that it was made for, or choose another adapter.");

    internal double ScaleOf(string module) => _config.ScaleOf(module);

    internal int RankOf(string module) => _config.RankOf(module);

    internal CheckpointException Wrong(string what, string todo) => new($"'{_file.Location}': {what} {todo}");

    string MadeFor => _config.Base is { } name ? $" (made for '{name}')" : "";

    StoredTensor Of(ITensorStore model, string name) => model.Find(name) ?? throw new CheckpointException(
        $"The adapter '{_folder}'{MadeFor} changes '{name}', which the model '{model.Location}' does not have. " +
        "Load the model that it was made for, or choose another adapter.");

    static bool IsPartOf(string name, string module) =>
        name.StartsWith(module, StringComparison.Ordinal) && (name.Length == module.Length || name[module.Length] == '.');

    static bool IsTable(string name) => IsPartOf(name, TokenTable) || IsPartOf(name, Output);

    void Sort()
    {
        foreach (var key in _file.Names)
        {
            if (!key.StartsWith(Prefix, StringComparison.Ordinal))
                throw Wrong($"the tensor '{key}' does not begin with '{Prefix}', as PEFT's do.", "The file is of another kind.");
            // A layer that PEFT wrapped has its own parameters one name further down.
            var name = key[Prefix.Length..].Replace(".base_layer.", ".", StringComparison.Ordinal);
            var tensor = _file.Find(key)!;
            if (tensor.Type is not (DType.F32 or DType.F16 or DType.BF16 or DType.F64))
                throw Wrong($"the tensor '{key}' holds {tensor.Type}; expected floating-point numbers.", "Save the adapter again.");
            if (LoraModule.RoleOf(ref name) is { } role) Module(name).Add(role, tensor, this);
            else if (name.Contains("lora_", StringComparison.Ordinal))
                throw Wrong($"the tensor '{key}' is of a kind of adapter that is not implemented.", "Choose another adapter.");
            else _replaced.Add(name, tensor);
        }
        foreach (var module in _modules.Values) module.RequireWhole(_config.IsDora, this);
        foreach (var target in (_config.Targets ?? []).Where(target => target != "all-linear"))
        {
            if (!_modules.Keys.Any(name => EndsWith(name, target)))
                throw Wrong($"there is no tensor of a module '{target}', which '{_config.Path}' names.", "The adapter is incomplete.");
        }
        foreach (var name in _replaced.Keys.Where(name => !name.EndsWith(".bias", StringComparison.Ordinal)))
        {
            if (!_config.Saved.Any(saved => EndsWith(name[..Math.Max(0, name.LastIndexOf('.'))], saved)) && !IsTable(name))
                throw Wrong(
                    $"the tensor '{name}' belongs to no module that '{_config.Path}' names.", "The files belong to different adapters.");
        }
    }

    static bool EndsWith(string module, string target) =>
        module.EndsWith(target, StringComparison.Ordinal) && (module.Length == target.Length || module[^(target.Length + 1)] == '.');

    LoraModule Module(string name)
    {
        if (!_modules.TryGetValue(name, out var module)) _modules.Add(name, module = new LoraModule(name));
        return module;
    }

    /// <summary>What an adapter's matrices stand on: nothing.</summary>
    sealed class NoTensors(string location) : ITensorStore
    {
        public string Location => location;

        public IReadOnlyCollection<string> Names => [];

        public StoredTensor? Find(string name) => null;
    }
}
