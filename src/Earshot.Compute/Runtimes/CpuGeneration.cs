using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>Rows of the decoder's pages that belong to one caller's sequences.</summary>
internal sealed class CpuGeneration : Generation
{
    readonly CpuDecoderRuntime _runtime;
    readonly int _slot;
    readonly int _audioPositions;
    readonly int[] _places;
    readonly int[] _rows;
    readonly int[] _parents;
    readonly PageReservation _reservation;
    readonly StepRequest _request;
    int _computed;
    int _computedNext;
    bool _disposed;

    /// <param name="places">Places among the sequences at once, given back when this is disposed of.</param>
    public CpuGeneration(CpuDecoderRuntime runtime, int[] places, (int Slot, int Positions) audio, LowRankAdapter? adapter)
        : base(runtime.Shape, places.Length)
    {
        (_runtime, _places, _slot, _audioPositions) = (runtime, places, audio.Slot, audio.Positions);
        _rows = new int[places.Length];
        _parents = new int[places.Length];
        _request = new StepRequest(runtime) { Adapter = adapter };
        lock (runtime.Pages)
        {
            _reservation = new PageReservation(runtime.Pages);
            // A decoder of audio has a short context, and its rows fill it: what they may need is theirs from the start.
            if (Shape.MemoryPositions > 0) _reservation.Reserve(places.Length * PageTable.PagesFor(Shape.MostPositions));
            for (int i = 0; i < _rows.Length; i++) _rows[i] = runtime.Pages.AddRow(_reservation);
        }
    }

    public override void Reorder(ReadOnlySpan<int> parents)
    {
        bool moved = false;
        for (int i = 0; i < parents.Length; i++)
        {
            if ((uint)parents[i] >= (uint)Rows)
                throw new ModelException($"Row {parents[i]} cannot be continued: this generation has {Rows}.");
            _parents[i] = _rows[parents[i]];
            moved |= parents[i] != i;
        }
        if (moved) MoveRows(parents.Length);
    }

    protected override async ValueTask RunPromptAsync(
        IReadOnlyList<PromptPart> prompt, ReadOnlyMemory<int> wanted, Memory<float> logits, CancellationToken cancellationToken)
    {
        Begin(logits, 0);
        Forget(0);
        ReusedPositions = 0;
        if (Shape.PrefillsInChunks)
            ReusedPositions = await PrefillAsync(prompt, wanted, logits, cancellationToken).ConfigureAwait(false);
        else await StepThroughAsync(prompt, wanted, cancellationToken).ConfigureAwait(false);
        _computed = Length;
        if (Rows == 1) return;
        Array.Fill(_parents, _rows[0]);
        MoveRows(Rows);
    }

    protected override ValueTask RunStepAsync(ReadOnlyMemory<int> tokens, Memory<float> logits, CancellationToken cancellationToken)
    {
        Begin(logits, Length - 1);
        _computedNext = Length;
        var span = tokens.Span;
        for (int i = 0; i < span.Length; i++) _request.Add(_rows[i], Length - 1, span[i], true);
        return RunAsync(cancellationToken);
    }

    protected override ValueTask RunExtensionAsync(
        ReadOnlyMemory<int> tokens, int first, Memory<float> logits, CancellationToken cancellationToken)
    {
        Begin(logits, first);
        _computedNext = Length;
        var span = tokens.Span;
        for (int i = 0; i < span.Length; i++) _request.Add(_rows[0], first + i, span[i], true);
        return RunAsync(cancellationToken);
    }

    protected override async ValueTask<float[]> RunAlignmentAsync(
        ReadOnlyMemory<int> tokens, Memory<float> logits, CancellationToken cancellationToken)
    {
        Begin(logits, 0);
        Forget(0);
        var weights = new float[(long)tokens.Length * Shape.AlignmentHeads.Count * _audioPositions];
        for (int i = 0; i < tokens.Length; i++) _request.Add(_rows[0], i, tokens.Span[i], !logits.IsEmpty);
        (_request.Attention, _request.AudioPositions) = (weights, _audioPositions);
        await RunAsync(cancellationToken).ConfigureAwait(false);
        _computed = Length;
        return weights;
    }

    protected override void OnTruncated(int length)
    {
        Settle();
        _computed = Math.Min(_computed, length);
        Forget(length);
    }

    protected override void Dispose(bool disposing)
    {
        if (_disposed) return;
        _disposed = true;
        _runtime.Scheduler.Forget(_request);
        lock (_runtime.Pages)
        {
            foreach (int row in _rows) _runtime.Pages.RemoveRow(row);
            _reservation.GiveBack();
        }
        _runtime.Rows.Return(_places);
        base.Dispose(disposing);
    }

    /// <param name="first">The first position that is going to be computed; all before it have to be.</param>
    void Begin(Memory<float> logits, int first)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Settle();
        if (first == 0) _computed = 0;
        else RequireComputed(_computed, first);
        _request.Clear(_slot);
        _request.Logits = logits;
    }

    // A step's task is not awaited here, so that it allocates nothing: whether it was computed is seen at the next call.
    void Settle()
    {
        if (_request.IsComputed && _computedNext > 0) _computed = _computedNext;
        _computedNext = 0;
    }

    ValueTask RunAsync(CancellationToken cancellationToken)
    {
        _request.ComesBack = _request.Attention is null;
        return _request.RunAsync(_runtime.Scheduler, cancellationToken);
    }

    /// <summary>A prompt as one step, to the bits of one.</summary>
    ValueTask StepThroughAsync(IReadOnlyList<PromptPart> prompt, ReadOnlyMemory<int> wanted, CancellationToken cancellationToken)
    {
        int position = 0;
        for (int i = 0; i < prompt.Count; i++)
        {
            var part = prompt[i];
            if (part.Audio is { } audio) _request.Embeddings.Add((position, Embeddings(audio)));
            for (int t = 0; t < part.Length; t++, position++)
                _request.Add(_rows[0], position, TokenOf(part, t), wanted.Span.Contains(position));
        }
        return RunAsync(cancellationToken);
    }

    ValueTask<int> PrefillAsync(
        IReadOnlyList<PromptPart> prompt, ReadOnlyMemory<int> wanted, Memory<float> logits, CancellationToken cancellationToken)
    {
        var tokens = new List<int>();
        var embeddings = new List<(int, ReadOnlyMemory<float>)>();
        foreach (var part in prompt)
        {
            if (part.Audio is { } audio) embeddings.Add((tokens.Count, Embeddings(audio)));
            for (int t = 0; t < part.Length; t++) tokens.Add(TokenOf(part, t));
        }
        int[] positions = wanted.ToArray();
        Array.Sort(positions);
        return _runtime.Prefill.RunAsync(
            new PrefillPrompt(_rows[0], _slot, [.. tokens], embeddings)
            {
                Adapter = _request.Adapter,
                Wanted = positions,
                Logits = logits,
            }, cancellationToken);
    }

    // A place that audio takes has no token; any will do, its embedding is replaced.
    static int TokenOf(in PromptPart part, int index) => part.Audio is null ? part.Tokens.Span[index] : 0;

    void MoveRows(int rows)
    {
        lock (_runtime.Pages) _runtime.Pages.Reorder(_rows.AsSpan(0, rows), _parents.AsSpan(0, rows), LeastLength(rows));
    }

    // Rows that did not take part in the last steps are shorter; what they lack is nobody's past.
    int LeastLength(int rows)
    {
        int least = Length;
        for (int i = 0; i < rows; i++) least = Math.Min(least, _runtime.Pages.Length(_parents[i]));
        return least;
    }

    void Forget(int length)
    {
        lock (_runtime.Pages)
        {
            foreach (int row in _rows)
            {
                if (_runtime.Pages.Length(row) > length) _runtime.Pages.Truncate(row, length);
            }
        }
    }

    ReadOnlyMemory<float> Embeddings(EncodedAudio audio)
    {
        long expected = (long)audio.Positions * Shape.Width;
        if (audio.Values.Length == expected) return audio.Values;
        throw new ModelException(
            $"Audio of {audio.Positions} positions and {audio.Values.Length} values was given in a prompt; " +
            $"expected {expected} values, {Shape.Width} each. " +
            "Use what the model's own projector made.");
    }
}
