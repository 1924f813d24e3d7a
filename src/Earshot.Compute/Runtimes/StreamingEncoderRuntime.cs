using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>Runs an encoder over streams of sound somewhere. Safe on several threads at once; each stream is one caller's.</summary>
public abstract class StreamingEncoderRuntime(ModelParts parts)
{
    readonly IStreamingEncoder _encoder = parts.Encoder as IStreamingEncoder
        ?? throw new ModelException("This model's encoder hears no streams.");

    public EncoderShape Shape => _encoder.Shape;

    public StreamShape Stream => _encoder.Stream;

    /// <summary>Values of each position: logits of a head, embeddings of a projector, or the encoder's own.</summary>
    public int ValueWidth { get; } = parts.FinishedWidth;

    /// <summary>Begins a stream; it waits until there is a place for it.</summary>
    /// <exception cref="OverloadedException">More streams wait for a place than this runtime was opened for.</exception>
    public abstract ValueTask<EncoderStream> BeginAsync(CancellationToken cancellationToken = default);
}

/// <summary>A stream of sound. One chunk at a time.</summary>
public abstract class EncoderStream(StreamingEncoderRuntime runtime) : IDisposable
{
    /// <summary>
    /// Encodes the next chunk: features (chunk's frames, inputs), frame by frame, read until the task is done. Gives its positions,
    /// (chunk's positions, <see cref="StreamingEncoderRuntime.ValueWidth"/>).
    /// </summary>
    /// <exception cref="ModelException">It is not a chunk of this encoder's.</exception>
    public ValueTask<float[]> PushAsync(ReadOnlyMemory<float> features, CancellationToken cancellationToken = default)
    {
        int expected = runtime.Stream.ChunkFrames * runtime.Shape.InputSize;
        if (features.Length != expected)
            throw new ModelException(
                $"A chunk of {features.Length} values was given; expected {expected}: " +
                $"{runtime.Stream.ChunkFrames} frames of {runtime.Shape.InputSize}.");
        return RunAsync(features, cancellationToken);
    }

    protected abstract ValueTask<float[]> RunAsync(ReadOnlyMemory<float> features, CancellationToken cancellationToken);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) { }
}
