using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>Runs a decoder somewhere. Safe on several threads at once; each generation is one caller's.</summary>
public abstract class DecoderRuntime(IDecoder decoder)
{
    public IDecoder Decoder => decoder;

    public DecoderShape Shape => decoder.Shape;

    /// <summary>Whether generations may have an adapter beside the decoder's weights.</summary>
    public virtual bool TakesAdapters => false;

    /// <summary>A generation of up to <paramref name="rows"/> sequences; it waits until there is room for them.</summary>
    /// <param name="memory">Audio that the decoder attends to; null where it has no memory, or generates without.</param>
    /// <exception cref="ModelException">The audio was encoded by another runtime, or there are never as many rows.</exception>
    /// <exception cref="OverloadedException">More generations wait for room than this runtime was opened for.</exception>
    public ValueTask<Generation> BeginAsync(EncodedAudio? memory, int rows, CancellationToken cancellationToken = default) =>
        BeginAsync(memory, rows, null, cancellationToken);

    /// <summary>The same with an adapter beside the decoder's weights.</summary>
    /// <inheritdoc cref="BeginAsync(EncodedAudio?, int, CancellationToken)"/>
    public ValueTask<Generation> BeginAsync(
        EncodedAudio? memory, int rows, LowRankAdapter? adapter, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        if (memory is null && Shape.MemoryPositions > 0)
            throw new ModelException("This decoder attends to audio; give it what its encoder made of some.");
        if (adapter is not null && !TakesAdapters)
            throw new ModelException(
                $"The adapter '{adapter.Name}' is kept apart from the weights, which {GetType().Name} cannot do. " +
                "Run the model on the processor, with device cpu, or merge the adapter into the weights.");
        if (memory is not null && Shape.MemoryPositions == 0)
            throw new ModelException("This decoder attends to no audio of its own; audio belongs into its prompt.");
        return StartAsync(memory, rows, adapter, cancellationToken);
    }

    protected abstract ValueTask<Generation> StartAsync(
        EncodedAudio? memory, int rows, LowRankAdapter? adapter, CancellationToken cancellationToken);
}

/// <summary>
/// A part of a prompt: tokens, or audio in the place of tokens, as the embeddings that its encoder and projector made of it.
/// </summary>
public readonly record struct PromptPart(ReadOnlyMemory<int> Tokens, EncodedAudio? Audio = null)
{
    /// <summary>Positions that it takes.</summary>
    public int Length => Audio?.Positions ?? Tokens.Length;
}

/// <summary>
/// Sequences that are decoded step by step. Rows share the prompt; each then goes its own way. Logits are float32, unfiltered, a row of the
/// vocabulary each. One call at a time: the next begins when the last one's task is done; buffers are read and written until then. After
/// a call that was cancelled or failed, tokens are counted that were not computed: <see cref="Truncate"/> to the length before it.
/// </summary>
public abstract class Generation(DecoderShape shape, int rows) : IDisposable
{
    /// <summary>The most sequences.</summary>
    public int Rows { get; } = rows;

    public DecoderShape Shape => shape;

    public int VocabSize => shape.VocabSize;

    /// <summary>Tokens that every row has behind it; the prompt counts.</summary>
    public int Length { get; private set; }

    /// <summary>
    /// Positions of the prompt that were not computed for it, since a prompt before began alike; its numbers are the same either way.
    /// </summary>
    public int ReusedPositions { get; private protected set; }

    /// <summary>
    /// Begins anew with a prompt that all rows share, computed once. Writes the logits that follow the prompt's tokens at the positions
    /// <paramref name="wanted"/>, one after the other: the last for decoding; others where a model tells something there.
    /// </summary>
    /// <exception cref="ModelException">The prompt is empty, too long, or has a token that the vocabulary lacks.</exception>
    public ValueTask PromptAsync(
        IReadOnlyList<PromptPart> prompt, ReadOnlyMemory<int> wanted, Memory<float> logits, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        int length = 0;
        for (int i = 0; i < prompt.Count; i++)
        {
            CheckTokens(prompt[i].Tokens.Span);
            length += prompt[i].Length;
        }
        if (length == 0) throw new ModelException("A decoder starts with at least one token; the prompt is empty.");
        foreach (int position in wanted.Span)
        {
            if ((uint)position >= (uint)length)
                throw new ModelException($"Logits after position {position} were asked for; the prompt has {length}.");
        }
        RequireRoom(0, length);
        RequireSpace(logits.Length, wanted.Length);
        Length = length;
        return RunPromptAsync(prompt, wanted, logits, cancellationToken);
    }

    /// <inheritdoc cref="PromptAsync(IReadOnlyList{PromptPart}, ReadOnlyMemory{int}, Memory{float}, CancellationToken)"/>
    public ValueTask PromptAsync(
        ReadOnlyMemory<int> tokens, ReadOnlyMemory<int> wanted, Memory<float> logits, CancellationToken cancellationToken = default) =>
        PromptAsync([new PromptPart(tokens)], wanted, logits, cancellationToken);

    /// <summary>Appends one token to each of the first rows; logits (tokens, vocabulary).</summary>
    public ValueTask StepAsync(ReadOnlyMemory<int> tokens, Memory<float> logits, CancellationToken cancellationToken = default)
    {
        if (tokens.IsEmpty) throw new ModelException("A step takes a token for at least one row.");
        if (tokens.Length > Rows) throw new ModelException($"{tokens.Length} tokens were given to a generation of {Rows} rows.");
        CheckTokens(tokens.Span);
        RequireRoom(Length, 1);
        RequireSpace(logits.Length, tokens.Length);
        Length++;
        return RunStepAsync(tokens, logits, cancellationToken);
    }

    /// <summary>
    /// Appends several tokens to row 0 at once; logits (tokens, vocabulary), a row after each token. For verifying drafts.
    /// </summary>
    public ValueTask ExtendAsync(ReadOnlyMemory<int> tokens, Memory<float> logits, CancellationToken cancellationToken = default)
    {
        if (tokens.IsEmpty) throw new ModelException("Extending takes at least one token.");
        CheckTokens(tokens.Span);
        RequireRoom(Length, tokens.Length);
        RequireSpace(logits.Length, tokens.Length);
        int first = Length;
        Length += tokens.Length;
        return RunExtensionAsync(tokens, first, logits, cancellationToken);
    }

    /// <summary>
    /// Runs tokens through row 0 from the start (teacher forcing) and returns the cross-attention probabilities of the alignment heads,
    /// (tokens, heads, positions), with the logits after each token, (tokens, vocabulary), where there is room for them.
    /// </summary>
    /// <exception cref="ModelException">This decoder has no alignment heads.</exception>
    public ValueTask<float[]> AlignAsync(ReadOnlyMemory<int> tokens, Memory<float> logits, CancellationToken cancellationToken = default)
    {
        if (shape.AlignmentHeads.Count == 0)
            throw new ModelException("This decoder has no heads that follow the audio, so words cannot be dated by it.");
        if (tokens.IsEmpty) throw new ModelException("There are no tokens to align.");
        CheckTokens(tokens.Span);
        RequireRoom(0, tokens.Length);
        if (!logits.IsEmpty) RequireSpace(logits.Length, tokens.Length);
        Length = tokens.Length;
        return RunAlignmentAsync(tokens, logits, cancellationToken);
    }

    /// <summary>Row i continues the sequence that row <c>parents[i]</c> had.</summary>
    public abstract void Reorder(ReadOnlySpan<int> parents);

    /// <summary>Forgets all tokens beyond <paramref name="length"/>.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)Length, nameof(length));
        if (length == Length) return;
        Length = length;
        OnTruncated(length);
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract ValueTask RunPromptAsync(
        IReadOnlyList<PromptPart> prompt, ReadOnlyMemory<int> wanted, Memory<float> logits, CancellationToken cancellationToken);

    /// <summary>Computes a step whose tokens are counted already: theirs is the last position of <see cref="Length"/>.</summary>
    protected abstract ValueTask RunStepAsync(ReadOnlyMemory<int> tokens, Memory<float> logits, CancellationToken cancellationToken);

    protected abstract ValueTask RunExtensionAsync(
        ReadOnlyMemory<int> tokens, int first, Memory<float> logits, CancellationToken cancellationToken);

    protected abstract ValueTask<float[]> RunAlignmentAsync(
        ReadOnlyMemory<int> tokens, Memory<float> logits, CancellationToken cancellationToken);

    protected virtual void OnTruncated(int length) { }

    protected virtual void Dispose(bool disposing) { }

    /// <exception cref="ModelException">Not all positions before the next were computed.</exception>
    private protected static void RequireComputed(int computed, int length)
    {
        if (computed == length) return;
        throw new ModelException(
            $"This generation has {length} tokens behind it, of which {computed} were computed: a call was cancelled or failed. " +
            $"Truncate it to {computed}, or begin anew with a prompt.");
    }

    void CheckTokens(ReadOnlySpan<int> tokens)
    {
        foreach (int token in tokens)
        {
            if ((uint)token >= (uint)VocabSize) throw new ModelException($"Token {token} is outside the vocabulary of {VocabSize}.");
        }
    }

    void RequireRoom(int length, int tokens)
    {
        if (length + tokens > shape.MostPositions)
            throw new ModelException($"{length + tokens} tokens do not fit this model's context of {shape.MostPositions}.");
    }

    void RequireSpace(int given, int rows)
    {
        if (given < (long)rows * VocabSize)
            throw new ModelException($"Room for {given} logits was given; {rows} rows of {VocabSize} are needed.");
    }
}
