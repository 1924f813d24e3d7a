using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>
/// Runs an encoder, and what finishes its output, somewhere. Arguments are checked here, once for every place. Safe on several threads at
/// once.
/// </summary>
public abstract class EncoderRuntime(ModelParts parts)
{
    readonly IAudioEncoder _encoder = parts.Encoder ?? throw new ModelException("This model has no encoder.");

    public EncoderShape Shape => _encoder.Shape;

    /// <summary>Values of each position of <see cref="EncodedAudio.Values"/>; 0 where a decoder's memory holds the audio instead.</summary>
    public int ValueWidth { get; } = parts.HasMemory ? 0 : parts.FinishedWidth;

    /// <summary>
    /// The most frames that are encoded as a whole within the memory that is allowed; 0 where long recordings are better heard in windows.
    /// </summary>
    public virtual int LongFrames => 0;

    /// <summary>Positions that come of so many frames.</summary>
    public int PositionsOf(int frames) => parts.FinishedPositionsOf(frames);

    /// <summary>
    /// Encodes a stretch of audio: features (frames, inputs), frame by frame. They are read until the returned task is done.
    /// </summary>
    /// <exception cref="ModelException">The features do not fit the encoder.</exception>
    /// <exception cref="OverloadedException">More audio waits to be encoded than this runtime was opened for.</exception>
    public ValueTask<EncodedAudio> EncodeAsync(ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken = default)
    {
        Check(features, frames);
        return RunAsync(features, frames, cancellationToken);
    }

    /// <summary>The encoder's own output, (positions, width), for inspection and tests.</summary>
    public ValueTask<float[]> EncodeToArrayAsync(ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken = default)
    {
        Check(features, frames);
        return RunToArrayAsync(features, frames, cancellationToken);
    }

    protected abstract ValueTask<EncodedAudio> RunAsync(ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken);

    protected abstract ValueTask<float[]> RunToArrayAsync(ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken);

    void Check(ReadOnlyMemory<float> features, int frames)
    {
        var shape = Shape;
        if (frames >= shape.LeastFrames && frames <= shape.MostFrames && frames % shape.FrameMultiple == 0
            && features.Length == (long)frames * shape.InputSize)
        {
            return;
        }
        var multiple = shape.FrameMultiple switch { 1 => "", 2 => "an even number of ", var other => $"a multiple of {other}, " };
        throw new ModelException(
            $"Features of {frames} frames and {features.Length} values were given; " +
            $"expected {multiple}at least {shape.LeastFrames} and at most {shape.MostFrames} frames of {shape.InputSize}.");
    }
}

/// <summary>
/// Encoded audio: in a decoder's memory, or as values of its own. Dispose of it when it is not needed any more: places are few.
/// </summary>
public abstract class EncodedAudio : IDisposable
{
    /// <summary>How many positions it has.</summary>
    public abstract int Positions { get; }

    /// <summary>
    /// What the encoder gave, (positions, <see cref="EncoderRuntime.ValueWidth"/>): logits of a head, embeddings of a projector; empty
    /// where it is in a decoder's memory.
    /// </summary>
    public virtual ReadOnlyMemory<float> Values => default;

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) { }
}

/// <summary>Encoded audio in the process's own memory.</summary>
public sealed class EncodedValues(ReadOnlyMemory<float> values, int positions) : EncodedAudio
{
    public override int Positions => positions;

    public override ReadOnlyMemory<float> Values => values;
}
