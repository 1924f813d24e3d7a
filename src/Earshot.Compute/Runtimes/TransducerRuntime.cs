using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>Runs a transducer somewhere. Safe on several threads at once; each stream is one caller's.</summary>
public abstract class TransducerRuntime
{
    protected TransducerRuntime(ModelParts parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        Transducer = parts.Transducer ?? throw new ModelException("This model has no transducer.");
        Shape = Transducer.Shape;
    }

    public ITransducer Transducer { get; }

    public TransducerShape Shape { get; }

    /// <summary>Begins to write down a recording: nothing was said so far.</summary>
    public abstract TransducerStream Begin();

    /// <summary>
    /// Begins to write down a recording, searching among some hypotheses; 1 for the likeliest token of each step. Each stretch is searched
    /// by itself: where a recording is cut then matters a little.
    /// </summary>
    /// <exception cref="ModelException">This runtime does not search.</exception>
    public TransducerStream Begin(int beamSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(beamSize, 1);
        return beamSize == 1 ? Begin() : BeginSearch(beamSize);
    }

    /// <summary>Begins a search among some hypotheses.</summary>
    protected virtual TransducerStream BeginSearch(int beamSize) => throw new ModelException(
        $"{GetType().Name} writes the likeliest token of each step, and searches no {beamSize} hypotheses. " +
        "Leave the beam size at 1, or run the model on the processor, with device cpu.");
}

/// <summary>A token of a transducer.</summary>
/// <param name="Id">The token.</param>
/// <param name="Position">The position that it was heard at, counted from the stream's beginning.</param>
/// <param name="Duration">Positions that it takes: 1 unless the model tells durations; 0 where another token follows at the same
/// position.</param>
/// <param name="Logprob">Its log-probability among the vocabulary.</param>
public readonly record struct TransducerToken(int Id, int Position, int Duration, float Logprob);

/// <summary>
/// A recording that is written down greedily, one stretch of encoded sound after the other: what comes of them does not depend on where
/// they are cut. One call at a time: the next begins when the last one's task is done; the sound is read until then.
/// </summary>
public abstract class TransducerStream : IDisposable
{
    bool _isBetween = true;

    protected TransducerStream(TransducerShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        Shape = shape;
        Greedy = new TransducerGreedy(shape);
    }

    public TransducerShape Shape { get; }

    /// <summary>How far it is, and what comes next.</summary>
    private protected TransducerGreedy Greedy { get; }

    /// <summary>Positions decoded so far.</summary>
    public virtual int Positions => Greedy.Positions;

    /// <summary>
    /// Takes tokens as said before what is decoded next, such as those of a recording's part that was written down elsewhere.
    /// </summary>
    /// <exception cref="ModelException">A token is the blank, or outside the vocabulary.</exception>
    public ValueTask SayAsync(ReadOnlyMemory<int> tokens, CancellationToken cancellationToken = default)
    {
        foreach (int token in tokens.Span)
        {
            if ((uint)token >= (uint)Shape.VocabSize || token == Shape.Blank)
                throw new ModelException(
                    $"Token {token} cannot have been said: expected one of a vocabulary of {Shape.VocabSize} other than " +
                    $"the blank, {Shape.Blank}.");
        }
        Begin();
        return EndAfter(RunSayAsync(tokens, cancellationToken));
    }

    /// <summary>Writes down the next stretch of encoded sound, (positions, encoder's width).</summary>
    /// <exception cref="ModelException">The values do not fit the positions, or a logit is not a number.</exception>
    public async ValueTask<IReadOnlyList<TransducerToken>> DecodeAsync(
        ReadOnlyMemory<float> encoded, int positions, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(positions);
        if (encoded.Length != (long)positions * Shape.EncodedWidth)
        {
            throw new ModelException(
                $"Encoded sound of {positions} positions and {encoded.Length} values was given to a transducer; " +
                $"expected {Shape.EncodedWidth} values a position. Use what the model's own encoder made.");
        }
        cancellationToken.ThrowIfCancellationRequested();
        if (positions == 0) return [];
        var tokens = new List<TransducerToken>();
        Begin();
        await EndAfter(RunDecodeAsync(encoded, positions, tokens, cancellationToken)).ConfigureAwait(false);
        return tokens;
    }

    /// <summary>Writes down the next stretch of encoded sound.</summary>
    /// <exception cref="ModelException">It was encoded by another model, or a logit is not a number.</exception>
    public ValueTask<IReadOnlyList<TransducerToken>> DecodeAsync(EncodedAudio audio, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(audio);
        return DecodeAsync(audio.Values, audio.Positions, cancellationToken);
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>The predictor reads tokens.</summary>
    protected abstract ValueTask RunSayAsync(ReadOnlyMemory<int> tokens, CancellationToken cancellationToken);

    /// <summary>Computes what <see cref="Walk"/> asks for, and adds the tokens that it finds.</summary>
    protected abstract ValueTask RunDecodeAsync(
        ReadOnlyMemory<float> encoded, int positions, List<TransducerToken> tokens, CancellationToken cancellationToken);

    protected virtual void Dispose(bool disposing) { }

    /// <summary>Walks through a stretch of sound.</summary>
    private protected void Walk(int positions, ITransducerSteps steps, List<TransducerToken> tokens) =>
        Greedy.Decode(positions, steps, tokens);

    void Begin()
    {
        if (!_isBetween)
        {
            throw new ModelException(
                "A transducer's stream was cut short, or is still at work, so that it cannot go on. " +
                "Wait for each call, or begin a new stream.");
        }
        _isBetween = false;
    }

    // Whoever is cut short has read some tokens and not others.
    async ValueTask EndAfter(ValueTask run)
    {
        await run.ConfigureAwait(false);
        _isBetween = true;
    }
}
