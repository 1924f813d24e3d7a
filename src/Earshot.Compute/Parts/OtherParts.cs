namespace Earshot.Compute.Parts;

/// <summary>Encoded audio as embeddings of a language model.</summary>
public interface IProjector
{
    /// <summary>Values of an embedding: the language model's width.</summary>
    int Width { get; }

    /// <summary>Embeddings that come of so many positions.</summary>
    int EmbeddingsOf(int positions);

    /// <summary>(batch, positions, encoder's width) → (batch, embeddings, width).</summary>
    Tensor Project(Tensor encoded, Scope root);
}

/// <summary>Connectionist temporal classification: a token or the blank for every position.</summary>
public interface ICtcHead
{
    /// <summary>The token that stands for nothing new.</summary>
    int Blank { get; }

    int VocabSize { get; }

    /// <summary>(batch, positions, encoder's width) → logits (batch, positions, vocabulary).</summary>
    Tensor Logits(Tensor encoded, Scope root);
}

/// <summary>One answer about a whole stretch of sound, such as whether its speaker has finished: what pools an encoder's output.</summary>
public interface IClassifier
{
    /// <summary>Values of an answer.</summary>
    int Classes { get; }

    /// <summary>(batch, positions, encoder's width) → logits (batch, 1, classes).</summary>
    Tensor Classify(Tensor encoded, Scope root);
}

/// <summary>A voice in a vector: features of a stretch of speech → an embedding that is near to others of the same speaker.</summary>
public interface ISpeakerEncoder
{
    /// <summary>Values of a frame of input.</summary>
    int InputSize { get; }

    /// <summary>The fewest frames that an embedding is made of.</summary>
    int LeastFrames { get; }

    /// <summary>Values of an embedding.</summary>
    int EmbeddingSize { get; }

    /// <summary>(batch, frames, inputs) → (batch, size), of no particular length.</summary>
    Tensor Embed(Tensor features, Scope root);
}

/// <summary>Who speaks when within a window, by classes of speakers or of sets of speakers.</summary>
public interface ISegmentation
{
    /// <summary>Samples of a window, at 16 kHz.</summary>
    int WindowSamples { get; }

    /// <summary>Classes of a frame.</summary>
    int Classes { get; }

    /// <summary>Samples (batch, samples, 1) → log-probabilities (batch, frames, classes).</summary>
    Tensor Segment(Tensor samples, Scope root);
}
