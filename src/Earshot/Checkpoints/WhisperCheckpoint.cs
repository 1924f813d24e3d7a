using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Tokenizers;

namespace Earshot.Checkpoints;

/// <summary>Everything in a Whisper model's folder: sizes, decoding rules, feature settings, tokenizer, and the weights, which stay on disk until read.</summary>
public sealed class WhisperCheckpoint : IDisposable
{
    readonly SafetensorsCheckpoint _weights;

    WhisperCheckpoint(string folder, WhisperConfig config)
    {
        Folder = folder;
        Config = config;
        Generation = GenerationConfig.Load(folder, config);
        Preprocessor = PreprocessorConfig.Load(folder, config);
        Tokenizer = WhisperTokenizer.Load(folder, config.VocabSize);
        if (Tokenizer.VocabSize > config.VocabSize)
            throw new CheckpointException($"The tokenizer in '{folder}' has {Tokenizer.VocabSize} tokens, the model of '{WhisperConfig.FileName}' only {config.VocabSize}. The files belong to different models: download all of them again.");
        Quantization = CheckpointQuantizer.FormatOf(folder);
        _weights = SafetensorsCheckpoint.Open(folder);
        Weights = Quantization is { } format ? new QuantizedTensors(_weights, format) : _weights;
    }

    public string Folder { get; }

    public WhisperConfig Config { get; }

    public GenerationConfig Generation { get; }

    public PreprocessorConfig Preprocessor { get; }

    public WhisperTokenizer Tokenizer { get; }

    /// <summary>The format that the matrices are saved in, or null where they are plain numbers.</summary>
    public WeightFormat? Quantization { get; }

    public ITensorStore Weights { get; }

    /// <summary>Opens a folder in Hugging Face format.</summary>
    /// <exception cref="CheckpointException">A file is missing or damaged, or the files contradict each other.</exception>
    /// <exception cref="ModelException">The folder holds another kind of model.</exception>
    public static WhisperCheckpoint Open(string folder)
    {
        ModelArchitecture.Detect(folder);
        return new WhisperCheckpoint(folder, WhisperConfig.Load(folder));
    }

    public void Dispose() => _weights.Dispose();
}
