using Earshot.Compute;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>The sizes of a Whisper as another program's file has them.</summary>
sealed record WhisperSizes
{
    public required int Vocabulary { get; init; }
    public required int MelBins { get; init; }
    public required int Width { get; init; }
    public required int AudioPositions { get; init; }
    public required int TextPositions { get; init; }
    public required int EncoderLayers { get; init; }
    public required int EncoderHeads { get; init; }
    public required int EncoderInner { get; init; }
    public required int DecoderLayers { get; init; }
    public required int DecoderHeads { get; init; }
    public required int DecoderInner { get; init; }

    /// <summary>What the feed-forward layers are activated with.</summary>
    public Activation Activation { get; init; } = Activation.Gelu;
}

/// <summary>A Whisper in the file of another program: its tensors under Hugging Face's names, and its sizes.</summary>
abstract class WhisperContainer : ITensorStore, IDisposable
{
    /// <summary>The program, for messages.</summary>
    public abstract string Program { get; }

    public abstract string Location { get; }

    public abstract WhisperSizes Sizes { get; }

    public IReadOnlyCollection<string> Names => Tensors.Keys;

    /// <summary>The tensors by Hugging Face's names.</summary>
    protected Dictionary<string, StoredTensor> Tensors { get; } = new(StringComparer.Ordinal);

    /// <summary>Opens what is at a path.</summary>
    /// <exception cref="CheckpointException">It is damaged, or no Whisper.</exception>
    public static WhisperContainer Open(string path) => File.Exists(path) ? WhisperCppFile.Open(path) : CTranslate2Whisper.Open(path);

    public StoredTensor? Find(string name) => Tensors.GetValueOrDefault(name);

    public abstract void Dispose();
}

/// <summary>A stored tensor that takes another form in its file than it is read in.</summary>
interface IConvertedTensor
{
    /// <summary>What the file's form is called, such as Q5_1.</summary>
    string StoredAs { get; }

    /// <summary>Bytes in the file.</summary>
    long StoredBytes { get; }

    /// <summary>What a matrix of this form is computed in where nobody wishes another format; null: as plain numbers are.</summary>
    WeightFormat? ComputedIn { get; }
}
