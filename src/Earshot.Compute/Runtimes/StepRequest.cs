using System.Threading.Tasks.Sources;
using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>Computes the steps of a decoder's generations, several at once.</summary>
internal interface IStepExecutor
{
    /// <summary>The most tokens of a batch.</summary>
    int MostTokens { get; }

    /// <summary>Computes a batch, whose requests get their logits.</summary>
    void Execute(List<StepRequest> batch);

    /// <summary>Computes one request.</summary>
    void ExecuteAlone(StepRequest request);
}

/// <summary>
/// A generation's part of a step: tokens for its rows, and which of them want logits. One serves all steps of its generation, and its task
/// too, so that a step allocates nothing.
/// </summary>
internal sealed class StepRequest(IStepExecutor decoder) : IValueTaskSource
{
    ManualResetValueTaskSourceCore<bool> _source = new() { RunContinuationsAsynchronously = true };

    public IStepExecutor Decoder => decoder;

    /// <summary>(row, position, token, whether its logits are wanted), in order.</summary>
    public List<(int Row, int Position, int Token, bool Logits)> Tokens { get; } = [];

    public int Count => Tokens.Count;

    /// <summary>The memory slot that the rows attend to; 0 where the decoder has no memory.</summary>
    public int Slot { get; set; }

    /// <summary>What the sequences have beside the decoder's weights; null where nothing is.</summary>
    public LowRankAdapter? Adapter { get; init; }

    /// <summary>Where logits go, a row of the vocabulary for each token that wants them.</summary>
    public Memory<float> Logits { get; set; }

    public int LogitRows { get; private set; }

    /// <summary>Audio in the place of tokens: where its embeddings begin among <see cref="Tokens"/>, and they themselves.</summary>
    public List<(int First, ReadOnlyMemory<float> Values)> Embeddings { get; } = [];

    /// <summary>Where the attention of the alignment heads goes, (tokens, heads, positions); null where nobody looks.</summary>
    public float[]? Attention { get; set; }

    /// <summary>Positions of the audio attended to, for <see cref="Attention"/>.</summary>
    public int AudioPositions { get; set; }

    public CancellationToken Cancellation { get; set; }

    /// <summary>Whether another step usually follows at once: the token was chosen from these logits.</summary>
    public bool ComesBack { get; set; }

    /// <summary>Why it was left out of its batch; null where it was computed.</summary>
    public EarshotException? Refusal { get; private set; }

    /// <summary>Whether its tokens are computed, so that they are a past for others.</summary>
    public bool IsComputed { get; set; }

    internal long Arrival { get; set; }

    internal long Returned { get; set; }

    public void Clear(int slot)
    {
        Tokens.Clear();
        Embeddings.Clear();
        Slot = slot;
        LogitRows = 0;
        Attention = null;
        Refusal = null;
        ComesBack = false;
        IsComputed = false;
    }

    public void Add(int row, int position, int token, bool logits)
    {
        Tokens.Add((row, position, token, logits));
        if (logits) LogitRows++;
    }

    /// <summary>Leaves the request out of its batch, with nothing computed of it.</summary>
    public void Refuse(EarshotException refusal)
    {
        Tokens.Clear();
        Embeddings.Clear();
        (LogitRows, Attention, Refusal) = (0, null, refusal);
    }

    /// <summary>Runs the step in its turn.</summary>
    public ValueTask RunAsync(DeviceScheduler scheduler, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled(cancellationToken);
        Cancellation = cancellationToken;
        _source.Reset();
        try
        {
            if (!scheduler.RunOrEnqueue(this)) return new ValueTask(this, _source.Version);
            return Refusal is null ? default : ValueTask.FromException(Refusal);
        }
        catch (Exception exception) when (exception is not ObjectDisposedException)
        {
            return ValueTask.FromException(Failed(exception));
        }
    }

    internal static ModelException Failed(Exception exception) => new($"A decoding step failed: {exception.Message}", exception);

    internal void Complete(Exception? failure)
    {
        if (failure is null && Refusal is null) _source.SetResult(true);
        else _source.SetException(Refusal ?? failure!);
    }

    void IValueTaskSource.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);
}
