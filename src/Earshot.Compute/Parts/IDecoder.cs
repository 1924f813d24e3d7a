namespace Earshot.Compute.Parts;

/// <summary>Tokens in, the next token's logits out: Whisper's decoder, and every language model. A pure function over tensors.</summary>
public interface IDecoder
{
    DecoderShape Shape { get; }

    /// <summary>
    /// Keeps what the decoder attends to of encoded audio, (batch, positions, width), from slot <paramref name="firstSlot"/> of the
    /// memories on: keys and values of every layer's cross-attention. A decoder without <see cref="DecoderShape.MemoryPositions"/> is never
    /// asked to.
    /// </summary>
    void StoreMemory(Tensor encoded, IReadOnlyList<CrossAttentionMemory> memories, int firstSlot, Scope root);

    /// <summary>Tokens (n) → their embeddings (n, width), to which audio in their place is equal in kind.</summary>
    Tensor Embed(Tensor tokens, Scope root);

    /// <summary>
    /// Embeddings (n, width) and their positions (n), laid out by the state → hidden values (n, width) before the output projection.
    /// </summary>
    Tensor Decode(Tensor embedded, Tensor positions, DecoderState state, Scope root);

    /// <summary>Hidden values (n, width) → logits (n, vocabulary).</summary>
    Tensor Logits(Tensor hidden, Scope root);
}

/// <summary>The sizes of a decoder, from which its caches and memories follow.</summary>
public sealed record DecoderShape
{
    public required int Layers { get; init; }

    public required int Width { get; init; }

    /// <summary>How self-attention is split.</summary>
    public required Heads Heads { get; init; }

    /// <summary>Values of a head; width / heads unless the model says otherwise.</summary>
    public required int HeadSize { get; init; }

    public required int VocabSize { get; init; }

    /// <summary>The most tokens of a sequence, prompt included.</summary>
    public required int MostPositions { get; init; }

    /// <summary>The most positions of encoded audio that it attends to; 0 where it attends to none.</summary>
    public int MemoryPositions { get; init; }

    /// <summary>Whether long prompts are computed in chunks, attending block by block; else as one step, to the bits of one.</summary>
    public bool PrefillsInChunks { get; init; }

    /// <summary>
    /// The cross-attention heads that follow the audio in time, as layer and head; empty where words cannot be dated by them.
    /// </summary>
    public IReadOnlyList<AlignmentHead> AlignmentHeads { get; init; } = [];

    /// <summary>Values of a position's keys, of all key heads together.</summary>
    public int KeyWidth => Heads.KeyValue * HeadSize;
}

/// <summary>A cross-attention head of a decoder.</summary>
public readonly record struct AlignmentHead(int Layer, int Head);
