using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>
/// Runs a voice somewhere. Arguments are checked here, once for every place, and long input is cut here into pieces that fit in memory,
/// whose samples are those of the whole. Safe on several threads at once.
/// </summary>
public abstract class VoiceRuntime
{
    protected VoiceRuntime(ModelParts parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        Voice = parts.Voice ?? throw new ModelException("This model has no voice.");
        Shape = Voice.Shape;
        if (Shape.ContextFrames is { } context && Shape.MostFrames <= 2L * context)
        {
            throw new ModelException(
                $"A voice takes {Shape.MostFrames} frames at once, of which {context} on either side are context; " +
                $"expected at least {2L * context + 1}, so that some are left to be heard.");
        }
    }

    public IVoice Voice { get; }

    public VoiceShape Shape { get; }

    /// <summary>The most frames of one call.</summary>
    public int MostFrames => Math.Min(
        Shape.ContextFrames is null ? Shape.MostFrames : int.MaxValue, Array.MaxLength / Math.Max(Shape.SamplesPerFrame, Shape.InputSize));

    /// <summary>
    /// The sound of features (frames, inputs), frame by frame: <see cref="VoiceShape.SamplesPerFrame"/> samples for each. The features are
    /// read until the returned task is done. Between pieces others' work has its turn.
    /// </summary>
    /// <exception cref="ModelException">The features do not fit the voice.</exception>
    public ValueTask<float[]> SpeakAsync(ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken = default)
    {
        if (frames < Shape.LeastFrames || frames > MostFrames || features.Length != (long)frames * Shape.InputSize)
        {
            throw new ModelException(
                $"Features of {frames} frames and {features.Length} values were given to a voice; " +
                $"expected at least {Shape.LeastFrames} and at most {MostFrames} frames of {Shape.InputSize}.");
        }
        return RunAsync(features, frames, cancellationToken);
    }

    /// <summary>Computes one piece: the samples of all its frames go to <paramref name="keep"/>, which copies what it needs.</summary>
    /// <param name="features">The piece's frames, (frames, inputs).</param>
    protected abstract ValueTask RunPieceAsync(
        ReadOnlyMemory<float> features, int frames, SampleReader keep, CancellationToken cancellationToken);

    async ValueTask<float[]> RunAsync(ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var samples = new float[frames * Shape.SamplesPerFrame];
        foreach (var piece in VoicePiece.Cut(frames, Shape))
        {
            await RunPieceAsync(
                features[(piece.First * Shape.InputSize)..(piece.End * Shape.InputSize)], piece.End - piece.First,
                made => Keep(piece, made, samples), cancellationToken).ConfigureAwait(false);
        }
        return samples;
    }

    void Keep(VoicePiece piece, ReadOnlySpan<float> made, float[] samples)
    {
        int each = Shape.SamplesPerFrame;
        if (made.Length != (piece.End - piece.First) * each)
        {
            throw new ModelException(
                $"{piece.End - piece.First} frames became {made.Length} samples; expected {each} each, as the voice's shape says.");
        }
        made[((piece.From - piece.First) * each)..((piece.To - piece.First) * each)].CopyTo(samples.AsSpan(piece.From * each));
    }
}

/// <summary>Reads samples while they are there.</summary>
public delegate void SampleReader(ReadOnlySpan<float> samples);

/// <summary>
/// Frames that are computed together, <paramref name="First"/> … <paramref name="End"/>, and those whose samples are kept,
/// <paramref name="From"/> … <paramref name="To"/>.
/// </summary>
internal readonly record struct VoicePiece(int First, int End, int From, int To)
{
    /// <summary>The pieces of so many frames: the fewest that fit, all about as long.</summary>
    public static IEnumerable<VoicePiece> Cut(int frames, VoiceShape shape)
    {
        if (frames <= shape.MostFrames || shape.ContextFrames is not { } context) return [new(0, frames, 0, frames)];
        int most = shape.MostFrames - 2 * context, count = (frames + most - 1) / most;
        return Enumerable.Range(0, count).Select(i =>
        {
            int from = (int)((long)frames * i / count), to = (int)((long)frames * (i + 1) / count);
            return new VoicePiece(Math.Max(0, from - context), Math.Min(frames, to + context), from, to);
        });
    }
}
