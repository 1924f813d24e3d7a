using Earshot.Checkpoints.Gguf;
using Earshot.Checkpoints.Nemo;
using Earshot.Compute;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>
/// A folder with a model: settings in <c>config.json</c>, weights, and whatever its family reads beside them; or what other programs have
/// in its place: whisper.cpp's file (<c>ggml-*.bin</c>), CTranslate2's folder (<c>model.bin</c>), or NeMo's archive (<c>.nemo</c>).
/// </summary>
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
    ModelContainer? _container;

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

    /// <summary>Which program's files they are.</summary>
    public ModelContainer Container => _container ??= ForeignWeights.ContainerOf(Path);

    /// <summary>Whether they are another program's, and opened here all the same.</summary>
    internal bool IsWhisperContainer => Container is ModelContainer.WhisperCpp or ModelContainer.CTranslate2;

    /// <summary>The model's kind, <c>model_type</c> in <c>config.json</c>, or <c>architecture</c> where it has none.</summary>
    /// <exception cref="CheckpointException">The folder or the file is missing, or it does not tell.</exception>
    public string ModelType => _modelType ??= ReadModelType();

    /// <summary>The format that matrices are saved in, or null where they are plain numbers.</summary>
    public WeightFormat? Quantization => Container == ModelContainer.HuggingFace ? SavedFormat.Of(Path) : null;

    /// <summary>Opens the weights, which stay on disk until they are read; quantised ones look like any others.</summary>
    /// <exception cref="CheckpointException">They are missing or damaged.</exception>
    public ModelWeights OpenWeights() => ModelWeights.Open(this);

    /// <summary>The settings in <c>config.json</c>, or those of the archive in its place.</summary>
    internal SettingsFile OpenConfig() => NemoArchive.Find(Path) is { } archive
        ? NemoArchive.ReadConfig(archive)
        : SettingsFile.Open(ConfigPath, ConfigPurpose);

    /// <summary>Another file of settings, or null where there is none.</summary>
    internal SettingsFile? OpenIfPresent(string name) => SettingsFile.OpenIfPresent(System.IO.Path.Combine(Path, name));

    string ReadModelType()
    {
        if (IsWhisperContainer) return "whisper";
        if (Container == ModelContainer.Nemo) return NemoArchive.ModelType;
        if (Container == ModelContainer.Gguf) throw GgufModels.NotOpened(Path);
        if (File.Exists(Path)) throw ForeignWeights.OfFile(Path);
        if (!Directory.Exists(Path))
            throw new CheckpointException($"There is no folder '{Path}', which should hold a model. Check the path.");
        // Formats of other programs have no config.json, or another one: they are told by their weights.
        if (!Directory.EnumerateFiles(Path, "*.safetensors*").Any() && !File.Exists(System.IO.Path.Combine(Path, ExportName))
            && !WeightFiles.HasTorch(Path) && ForeignWeights.InFolder(Path) is { } foreign)
        {
            throw foreign;
        }
        using var settings = OpenConfig();
        return settings.OptionalText("model_type") ?? settings.OptionalText("architecture")
            ?? throw settings.Wrong("model_type", "the model's kind, such as \"whisper\"", "nothing");
    }
}

/// <summary>Whose files a model's are.</summary>
public enum ModelContainer
{
    /// <summary>A folder in Hugging Face's format.</summary>
    HuggingFace,

    /// <summary>A file for whisper.cpp, <c>ggml-*.bin</c>.</summary>
    WhisperCpp,

    /// <summary>A folder for CTranslate2 (faster-whisper), with <c>model.bin</c>.</summary>
    CTranslate2,

    /// <summary>A GGUF file, for llama.cpp and its like.</summary>
    Gguf,

    /// <summary>An archive of NVIDIA's NeMo (<c>.nemo</c>), or a folder that holds one.</summary>
    Nemo,
}

/// <summary>The weights of a model folder.</summary>
public sealed class ModelWeights : ITensorStore, IDisposable
{
    readonly IDisposable _file;
    readonly ITensorStore _tensors;

    ModelWeights(IDisposable file, ITensorStore tensors) => (_file, _tensors) = (file, tensors);

    public string Location => _tensors.Location;

    public IReadOnlyCollection<string> Names => _tensors.Names;

    /// <summary>The same, where matrices are quantised; null where they are plain numbers.</summary>
    public QuantizedTensors? Quantized => _tensors as QuantizedTensors;

    /// <summary>
    /// What tensors of another program's forms become, form by form; empty where all are read as they are stored.
    /// </summary>
    public IReadOnlyList<WeightConversion> Conversions =>
    [
        .. Names.Select(name => _tensors.Find(name)!).Where(tensor => tensor is IConvertedTensor)
            .GroupBy(tensor => (((IConvertedTensor)tensor).StoredAs, ((IConvertedTensor)tensor).ComputedIn))
            .Select(group => new WeightConversion(
                group.Key.StoredAs, group.Key.ComputedIn, group.Count(), group.Sum(tensor => tensor.Shape.Count), group.Sum(StoredBytes))),
    ];

    public StoredTensor? Find(string name) => _tensors.Find(name);

    /// <summary>The format that a matrix is computed in where nobody wishes another; null where it is as that of plain numbers.</summary>
    public WeightFormat? FormatOf(string name) =>
        Quantized is { } quantized ? quantized.FormatOf(name) : (_tensors.Find(name) as IConvertedTensor)?.ComputedIn;

    /// <summary>What the file calls the form in which it holds a tensor: <c>F16</c>, <c>int8</c>, <c>Q5_1</c>.</summary>
    public static string StoredAs(StoredTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return tensor is IConvertedTensor converted ? converted.StoredAs : tensor.Type.ToString();
    }

    /// <summary>Bytes that a tensor takes in its file.</summary>
    public static long StoredBytes(StoredTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return tensor is IConvertedTensor converted ? converted.StoredBytes : tensor.ByteLength;
    }

    public void Dispose() => _file.Dispose();

    internal static ModelWeights Open(ModelFolder folder)
    {
        if (folder.IsWhisperContainer)
        {
            var container = WhisperContainer.Open(folder.Path);
            return new ModelWeights(container, container);
        }
        if (folder.Container == ModelContainer.Gguf) return OpenGguf(folder.Path);
        var format = folder.Quantization;
        var checkpoint = WeightFiles.Open(folder.Path);
        try
        {
            return new ModelWeights((IDisposable)checkpoint, format is { } saved ? new QuantizedTensors(checkpoint, saved) : checkpoint);
        }
        catch
        {
            ((IDisposable)checkpoint).Dispose();
            throw;
        }
    }

    /// <summary>A language model's, by the names of Hugging Face's checkpoints.</summary>
    static ModelWeights OpenGguf(string path)
    {
        var checkpoint = GgufCheckpoint.Open(path);
        try
        {
            return new ModelWeights(checkpoint, new GgufLanguageTensors(checkpoint));
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }
}

/// <summary>Tensors of one form of another program's file.</summary>
/// <param name="StoredAs">The form, such as Q5_1.</param>
/// <param name="ComputedIn">What matrices of it are computed in where nobody wishes another format; null: as plain numbers are.</param>
/// <param name="Values">Their elements.</param>
/// <param name="Bytes">What they take in the file.</param>
public sealed record WeightConversion(string StoredAs, WeightFormat? ComputedIn, int Tensors, long Values, long Bytes);
