using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>
/// A loaded model that runs somewhere: on the CPU backend, or as graphs in ONNX Runtime. Safe on several threads at once.
/// </summary>
public abstract class ModelRuntime(ModelParts parts) : IDisposable
{
    public ModelParts Parts => parts;

    /// <summary>Runs the encoder; null where the model has none.</summary>
    public abstract EncoderRuntime? Encoder { get; }

    /// <summary>Runs the encoder over streams; null where it hears none, or does not here.</summary>
    public virtual StreamingEncoderRuntime? Streaming => null;

    /// <summary>Runs the decoder; null where the model has none.</summary>
    public abstract DecoderRuntime? Decoder { get; }

    /// <summary>Runs the transducer; null where the model has none, or this runtime runs none.</summary>
    public virtual TransducerRuntime? Transducer => null;

    /// <summary>Runs the voice; null where the model has none, or this runtime runs none.</summary>
    public virtual VoiceRuntime? Voice => null;

    /// <summary>What was computed so far, by stage; null where that is not measured.</summary>
    public virtual RuntimeTimes? Times => null;

    /// <summary>The encoder, of a model that must have one.</summary>
    /// <exception cref="ModelException">It has none.</exception>
    public EncoderRuntime RequireEncoder() => Encoder ?? throw new ModelException("This model has no encoder, so it hears nothing.");

    /// <summary>The decoder, of a model that must have one.</summary>
    /// <exception cref="ModelException">It has none.</exception>
    public DecoderRuntime RequireDecoder() => Decoder ?? throw new ModelException("This model has no decoder, so it writes nothing.");

    /// <summary>The transducer, of a model that must have one.</summary>
    /// <exception cref="ModelException">It has none, or does not run here.</exception>
    public TransducerRuntime RequireTransducer() => Transducer ?? throw new ModelException(parts.Transducer is null
        ? "This model has no transducer."
        : $"This model's transducer does not run in {GetType().Name}. Run the model on the processor, with device cpu.");

    /// <summary>The voice, of a model that must have one.</summary>
    /// <exception cref="ModelException">It has none, or does not run here.</exception>
    public VoiceRuntime RequireVoice() => Voice ?? throw new ModelException(parts.Voice is null
        ? "This model has no voice, so it makes no sound."
        : $"This model's voice does not run in {GetType().Name}. Run the model on the processor, with device cpu.");

    /// <summary>
    /// The same model with some weights of others, such as a language's adapter: what the store has is read from there, and all else is
    /// shared, in memory too. To be disposed of before this.
    /// </summary>
    /// <param name="parts">What it is made of: an encoder, and what finishes its output.</param>
    /// <param name="tensors">The weights that are others; they stay their owner's.</param>
    /// <exception cref="ModelException">This runtime cannot, or there are parts that write.</exception>
    public virtual ModelRuntime With(ModelParts parts, ITensorStore tensors) => throw new ModelException(
        $"{GetType().Name} runs a model as it was exported, and cannot exchange some of its weights. " +
        "Run the model on the processor, with device cpu.");

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) { }
}

/// <summary>What a runtime has computed since it was opened, by stage; of concurrent work together.</summary>
/// <param name="Encoding">Time in the encoder, cross-attention's keys and values included.</param>
/// <param name="Windows">Stretches of audio encoded.</param>
/// <param name="Decoding">Time in the decoder or the transducer.</param>
/// <param name="Steps">Steps of the decoder: a prompt, or a token of each sequence; stretches of a transducer.</param>
public readonly record struct RuntimeTimes(TimeSpan Encoding, int Windows, TimeSpan Decoding, int Steps)
{
    /// <summary>Time in the voice.</summary>
    public TimeSpan Speaking { get; init; }

    /// <summary>Pieces of sound that the voice made.</summary>
    public int Pieces { get; init; }
}
