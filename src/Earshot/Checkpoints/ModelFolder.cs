using Earshot.Compute;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>A folder with a model: settings in <c>config.json</c>, weights, and whatever its family reads beside them.</summary>
public sealed class ModelFolder
{
    /// <summary>The file that tells the model's kind and its sizes.</summary>
    public const string ConfigName = "config.json";

    /// <summary>The file that an exported model has instead, beside its graphs.</summary>
    internal const string ExportName = "earshot.json";

    /// <summary>The file with a byte-pair vocabulary in compact form.</summary>
    public const string VocabularyName = "vocabulary.bin";

    /// <summary>What <see cref="ConfigName"/> is for, as the end of the sentence "the file that …".</summary>
    internal const string ConfigPurpose = "tells the model's kind and its sizes";

    string? _modelType;

    public ModelFolder(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Path = path;
        Name = System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path)));
    }

    public string Path { get; }

    /// <summary>The folder's own name.</summary>
    public string Name { get; }

    public string ConfigPath => System.IO.Path.Combine(Path, ConfigName);

    /// <summary>The model's kind, <c>model_type</c> in <c>config.json</c>, or <c>architecture</c> where it has none.</summary>
    /// <exception cref="CheckpointException">The folder or the file is missing, or it does not tell.</exception>
    public string ModelType => _modelType ??= ReadModelType();

    /// <summary>The format that matrices are saved in, or null where they are plain numbers.</summary>
    public WeightFormat? Quantization => SavedFormat.Of(Path);

    /// <summary>Opens the weights, which stay on disk until they are read; quantised ones look like any others.</summary>
    /// <exception cref="CheckpointException">They are missing or damaged.</exception>
    public ModelWeights OpenWeights() => ModelWeights.Open(this);

    /// <summary>The settings in <c>config.json</c>.</summary>
    internal SettingsFile OpenConfig() => SettingsFile.Open(ConfigPath, ConfigPurpose);

    /// <summary>Another file of settings, or null where there is none.</summary>
    internal SettingsFile? OpenIfPresent(string name) => SettingsFile.OpenIfPresent(System.IO.Path.Combine(Path, name));

    string ReadModelType()
    {
        if (!Directory.Exists(Path))
            throw new CheckpointException($"There is no folder '{Path}', which should hold a model. Check the path.");
        // Formats of other programs have no config.json, or another one: they are told by their weights.
        if (!Directory.EnumerateFiles(Path, "*.safetensors*").Any() && !File.Exists(System.IO.Path.Combine(Path, ExportName))
            && ForeignWeights.InFolder(Path) is { } foreign)
        {
            throw foreign;
        }
        using var settings = OpenConfig();
        return settings.OptionalText("model_type") ?? settings.OptionalText("architecture")
            ?? throw settings.Wrong("model_type", "the model's kind, such as \"whisper\"", "nothing");
    }
}

/// <summary>The weights of a model folder.</summary>
public sealed class ModelWeights : ITensorStore, IDisposable
{
    readonly SafetensorsCheckpoint _checkpoint;
    readonly ITensorStore _tensors;

    ModelWeights(SafetensorsCheckpoint checkpoint, ITensorStore tensors) => (_checkpoint, _tensors) = (checkpoint, tensors);

    public string Location => _tensors.Location;

    public IReadOnlyCollection<string> Names => _tensors.Names;

    /// <summary>The same, where matrices are quantised; null where they are plain numbers.</summary>
    public QuantizedTensors? Quantized => _tensors as QuantizedTensors;

    public StoredTensor? Find(string name) => _tensors.Find(name);

    public void Dispose() => _checkpoint.Dispose();

    internal static ModelWeights Open(ModelFolder folder)
    {
        var format = folder.Quantization;
        var checkpoint = SafetensorsCheckpoint.Open(folder.Path);
        try
        {
            return new ModelWeights(checkpoint, format is { } saved ? new QuantizedTensors(checkpoint, saved) : checkpoint);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }
}
