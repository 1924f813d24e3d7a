namespace Earshot.Compute.Parts;

/// <summary>Features in, sound out: the part that speaks. A pure function over tensors, without threads, memory or files.</summary>
public interface IVoice
{
    VoiceShape Shape { get; }

    /// <summary>
    /// Features (batch, frames, inputs) → samples from −1 to 1, (batch, frames × <see cref="VoiceShape.SamplesPerFrame"/>).
    /// <paramref name="root"/> is the root of the checkpoint's names.
    /// </summary>
    Tensor Speak(Tensor features, Scope root);
}

/// <summary>What a voice takes and gives.</summary>
public sealed record VoiceShape
{
    /// <summary>Values of a frame, such as mel channels.</summary>
    public required int InputSize { get; init; }

    /// <summary>Samples of a second.</summary>
    public required int SampleRate { get; init; }

    /// <summary>Samples that come of each frame.</summary>
    public required int SamplesPerFrame { get; init; }

    /// <summary>The fewest frames at once.</summary>
    public int LeastFrames { get; init; } = 1;

    /// <summary>The most frames at once; memory grows with them.</summary>
    public required int MostFrames { get; init; }

    /// <summary>
    /// Frames on either side that a frame's samples depend on: where it is known, sound of any length is made in pieces, each computed with
    /// as many more frames around it and equal to the whole. Null where samples depend on all frames.
    /// </summary>
    public int? ContextFrames { get; init; }
}
