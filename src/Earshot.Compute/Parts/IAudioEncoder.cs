namespace Earshot.Compute.Parts;

/// <summary>Sound in, positions out: the part that hears. A pure function over tensors, without threads, memory or files.</summary>
public interface IAudioEncoder
{
    EncoderShape Shape { get; }

    /// <summary>Positions that come of so many frames of input.</summary>
    int PositionsOf(int frames);

    /// <summary>
    /// Features (batch, frames, inputs) → (batch, positions, width). <paramref name="root"/> is the root of the checkpoint's names.
    /// </summary>
    Tensor Encode(Tensor features, Scope root);
}

/// <summary>What an encoder takes and gives. A frame of input is a row of features, or one sample where the model hears samples.</summary>
public sealed record EncoderShape
{
    /// <summary>Values of a frame: mel channels, or 1 for samples.</summary>
    public required int InputSize { get; init; }

    /// <summary>Values of a position.</summary>
    public required int Width { get; init; }

    /// <summary>The fewest frames at once.</summary>
    public int LeastFrames { get; init; } = 1;

    /// <summary>The most frames at once.</summary>
    public required int MostFrames { get; init; }

    /// <summary>
    /// Whether memory and time grow with the frames and not with their square, so that a long recording may be encoded as a whole.
    /// </summary>
    public bool HearsLong { get; init; }

    /// <summary>What the number of frames is a multiple of.</summary>
    public int FrameMultiple { get; init; } = 1;

    /// <summary>Seconds of sound from one position to the next.</summary>
    public required double SecondsPerPosition { get; init; }
}
