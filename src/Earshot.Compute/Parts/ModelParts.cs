namespace Earshot.Compute.Parts;

/// <summary>
/// What a model is made of. Runtimes, exports, costs, benchmarks and random weights follow from the parts that are there.
/// </summary>
public sealed record ModelParts
{
    public IAudioEncoder? Encoder { get; init; }

    public IDecoder? Decoder { get; init; }

    public IProjector? Projector { get; init; }

    public ICtcHead? Ctc { get; init; }

    public IClassifier? Classifier { get; init; }

    /// <summary>What writes by the encoder's own output; a head or a projector beside it is left aside.</summary>
    public ITransducer? Transducer { get; init; }

    public ISpeakerEncoder? SpeakerEncoder { get; init; }

    public ISegmentation? Segmentation { get; init; }

    public IVoice? Voice { get; init; }

    /// <summary>
    /// Whether int8 with one scale for a whole tensor is too coarse for a matrix, by its name; exporting leaves such ones as they are. Null
    /// where none is known to be.
    /// </summary>
    public Func<string, bool>? IsCoarseInInt8 { get; init; }

    /// <summary>
    /// Tensors that published files hold and recognition does not use, by name, such as heads of pre-training; null where there are none.
    /// </summary>
    public Func<string, bool>? IsUnused { get; init; }

    /// <summary>Whether the decoder attends to encoded audio, so that encoding fills its memory.</summary>
    public bool HasMemory => Encoder is not null && Decoder is { Shape.MemoryPositions: > 0 };

    /// <summary>
    /// What encoding gives in the end: the head's logits, the classifier's one answer, the projector's embeddings, or, for a transducer and
    /// where there is none of them, the encoder's output as it is. Where a decoder attends to the audio, its memory is filled beside.
    /// </summary>
    public Tensor Finish(Tensor encoded, Scope root)
    {
        if (Transducer is not null) return encoded;
        if (Ctc is not null) return Ctc.Logits(encoded, root);
        if (Classifier is not null) return Classifier.Classify(encoded, root);
        return Projector is not null ? Projector.Project(encoded, root) : encoded;
    }

    /// <summary>Values of each position of <see cref="Finish"/>.</summary>
    public int FinishedWidth =>
        Transducer is not null
            ? Encoder?.Shape.Width ?? 0
            : Ctc?.VocabSize ?? Classifier?.Classes ?? Projector?.Width ?? Encoder?.Shape.Width ?? 0;

    /// <summary>Positions of <see cref="Finish"/> that come of so many frames.</summary>
    public int FinishedPositionsOf(int frames) => FinishedFrom(Encoder?.PositionsOf(frames) ?? 0);

    /// <summary>Positions of <see cref="Finish"/> that come of so many of the encoder's.</summary>
    internal int FinishedFrom(int positions)
    {
        if (Transducer is not null || Ctc is not null) return positions;
        if (Classifier is not null) return Math.Min(positions, 1);
        return Projector is not null ? Projector.EmbeddingsOf(positions) : positions;
    }
}
