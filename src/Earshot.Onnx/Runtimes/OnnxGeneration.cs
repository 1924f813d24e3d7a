using System.Diagnostics;
using Earshot.Compute.Runtimes;

namespace Earshot.Onnx.Runtimes;

/// <summary>
/// Sequences over one window, or over none. After the prompt all rows share one row of cache; they get their own when they part.
/// </summary>
internal sealed class OnnxGeneration : Generation
{
    readonly OnnxDecoderRuntime _runtime;
    readonly OnnxEncodedAudio? _audio;
    readonly int[] _places;
    readonly StepBinding _stepping;
    readonly Call _call;
    StepBinding? _aligning;
    CacheBlock _past;
    CacheBlock _next;
    int _length; // positions of the past that count; fewer than it holds after forgetting some
    int _held; // rows that the past holds
    bool _shared; // whether all rows are still the same, so that one is held
    bool _disposed;

    // Row i goes on with what row _parents[i] of the past had, done before the next run; where none moved, rows are where they were.
    readonly int[] _parents;
    int _moved;

    public OnnxGeneration(OnnxDecoderRuntime runtime, OnnxEncodedAudio? audio, int[] places) : base(runtime.Shape, places.Length)
    {
        (_runtime, _audio, _places) = (runtime, audio, places);
        _parents = new int[places.Length];
        _past = new CacheBlock(runtime.Layout);
        _next = new CacheBlock(runtime.Layout);
        _stepping = new StepBinding(runtime.Graph, runtime, audio);
        _call = new Call(this);
    }

    // Rows that the next step may have.
    int Live => _moved > 0 ? _moved : _held;

    /// <summary>
    /// Costs one copy of the past, at the next step; nothing where each row goes on with itself or all rows are still the same.
    /// </summary>
    public override void Reorder(ReadOnlySpan<int> parents)
    {
        if (parents.Length > Rows) throw new ModelException($"{parents.Length} rows were to be continued; this generation has {Rows}.");
        int rows = _shared ? Rows : Live;
        bool moved = parents.Length > Live;
        for (int i = 0; i < parents.Length; i++)
        {
            if ((uint)parents[i] >= (uint)rows)
                throw new ModelException($"Row {parents[i]} cannot be continued: the last step had {rows} rows.");
            moved |= parents[i] != i;
        }
        if (!moved || _shared || parents.IsEmpty) return;
        Span<int> own = stackalloc int[parents.Length];
        for (int i = 0; i < own.Length; i++) own[i] = _moved > 0 ? _parents[parents[i]] : parents[i];
        own.CopyTo(_parents);
        _moved = own.Length;
    }

    protected override ValueTask RunPromptAsync(
        IReadOnlyList<PromptPart> prompt, ReadOnlyMemory<int> wanted, Memory<float> logits, CancellationToken cancellationToken)
    {
        Begin();
        var tokens = prompt.Count == 1 && prompt[0].Audio is null ? prompt[0].Tokens : Joined(prompt);
        int first = tokens.Length - 1;
        foreach (int position in wanted.Span) first = Math.Min(first, position);
        _call.Set(_stepping, new StepShape(1, tokens.Length, first), tokens, logits);
        (_call.Wanted, _call.Shares) = (wanted, true);
        return RunAsync(here: false, cancellationToken);
    }

    protected override ValueTask RunStepAsync(ReadOnlyMemory<int> tokens, Memory<float> logits, CancellationToken cancellationToken)
    {
        Continue(Length - 1, tokens.Length);
        _call.Set(_stepping, new StepShape(tokens.Length, 1, 0), tokens, logits);
        return RunAsync(here: true, cancellationToken);
    }

    protected override ValueTask RunExtensionAsync(
        ReadOnlyMemory<int> tokens, int first, Memory<float> logits, CancellationToken cancellationToken)
    {
        Continue(first, 1);
        _call.Set(_stepping, new StepShape(1, tokens.Length, 0), tokens, logits);
        return RunAsync(here: true, cancellationToken);
    }

    protected override async ValueTask<float[]> RunAlignmentAsync(
        ReadOnlyMemory<int> tokens, Memory<float> logits, CancellationToken cancellationToken)
    {
        Begin();
        _call.Set(null, new StepShape(1, tokens.Length, logits.IsEmpty ? tokens.Length - 1 : 0), tokens, logits);
        await RunAsync(here: false, cancellationToken).ConfigureAwait(false);
        return _call.Attentions!;
    }

    protected override void OnTruncated(int length) => _length = Math.Min(_length, length);

    protected override void Dispose(bool disposing)
    {
        if (_disposed) return;
        _disposed = true;
        _stepping.Dispose();
        _aligning?.Dispose();
        _past.Dispose();
        _next.Dispose();
        _runtime.ReturnRows(_places);
        base.Dispose(disposing);
    }

    void Begin()
    {
        (_length, _held, _moved, _shared) = (0, 1, 0, false);
        _call.Audio.Clear();
    }

    void Continue(int length, int rows)
    {
        _call.Audio.Clear();
        RequireComputed(_length, length);
        int live = _shared ? Rows : Live;
        if (rows > live)
            throw new ModelException($"{rows} tokens were given, but the last step had {live} rows. Reorder to make more rows of them.");
    }

    // A step may run on the caller's thread; a prompt takes longer than a thread of the pool should be kept.
    ValueTask RunAsync(bool here, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _runtime.Line.RunAsync(_call, here, cancellationToken);
    }

    // Tokens with any in the places of audio, whose embeddings are noted.
    int[] Joined(IReadOnlyList<PromptPart> prompt)
    {
        int length = 0;
        for (int i = 0; i < prompt.Count; i++) length += prompt[i].Length;
        var tokens = new int[length];
        int position = 0;
        for (int i = 0; i < prompt.Count; i++)
        {
            var part = prompt[i];
            if (part.Audio is { } audio) _call.Audio.Add((position, Embeddings(audio)));
            else part.Tokens.Span.CopyTo(tokens.AsSpan(position));
            position += part.Length;
        }
        return tokens;
    }

    ReadOnlyMemory<float> Embeddings(EncodedAudio audio)
    {
        if (_runtime.Embedding is null)
            throw new ModelException("This decoder attends to audio and takes none into its prompt; give it to BeginAsync.");
        long expected = (long)audio.Positions * Shape.Width;
        if (audio.Values.Length == expected) return audio.Values;
        throw new ModelException(
            $"Audio of {audio.Positions} positions and {audio.Values.Length} values was given in a prompt; "
            + $"expected {expected} values, {Shape.Width} each. Use what the model's own projector made.");
    }

    // What follows runs in this generation's turn.

    void Execute(Call call, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        var aligner = call.Binding is null ? _runtime.RequireAligner() : null;
        var binding = call.Binding ?? (_aligning ??= new StepBinding(aligner!.Graph, _runtime, _audio, aligner.Made));
        var (rows, time, _) = call.Shape;
        Arrange(rows);
        _past.See(rows, _length);
        _next.See(rows, _length + time);
        var computed = binding.Run(call.Shape, new StepTokens(call.Tokens.Span, call.Audio), _past, _next, cancellationToken);
        if (!call.Logits.IsEmpty || call.Wanted is not null) HandOut(computed, call);
        if (aligner is not null) call.Attentions = binding.TakeAttentions(aligner.Order);
        _length += time;
        Swap(rows);
        _shared = call.Shares;
        _runtime.Time.Add(started);
    }

    void HandOut(ReadOnlySpan<float> computed, Call call)
    {
        var logits = call.Logits.Span;
        if (call.Wanted is not { } wanted)
        {
            computed.CopyTo(logits);
            return;
        }
        for (int position = call.Shape.FirstLogit; position < call.Shape.Time; position++)
        {
            if (!wanted.Span.Contains(position)) continue;
            computed.Slice((position - call.Shape.FirstLogit) * VocabSize, VocabSize).CopyTo(logits);
            logits = logits[VocabSize..];
        }
    }

    // Brings the past to the positions and rows that the next run wants.
    void Arrange(int rows)
    {
        if (_length > 0 && _length < _past.Length)
        {
            _past.See(_held, _past.Length);
            _runtime.Caches.Cut(_past, _next, _length);
            Swap(_held, keepsMoves: true);
        }
        bool parts = _shared && rows > _held;
        if (_length > 0 && (_moved > 0 || parts))
        {
            _past.See(_held, _length);
            int made = parts ? rows : _moved;
            _runtime.Caches.Gather(_past, _next, parts ? new int[rows] : _parents.AsSpan(0, _moved));
            Swap(made);
        }
    }

    void Swap(int rows, bool keepsMoves = false)
    {
        (_past, _next) = (_next, _past);
        _held = rows;
        if (!keepsMoves) _moved = 0;
    }

    /// <summary>A run, set anew for each.</summary>
    sealed class Call(OnnxGeneration generation) : RunRequest
    {
        /// <summary>What runs; null: the aligning graph.</summary>
        public StepBinding? Binding { get; private set; }

        public StepShape Shape { get; private set; }

        public ReadOnlyMemory<int> Tokens { get; private set; }

        public Memory<float> Logits { get; private set; }

        /// <summary>Audio in the place of tokens.</summary>
        public List<(int First, ReadOnlyMemory<float> Values)> Audio { get; } = [];

        /// <summary>Positions whose logits are wanted; null: all that are computed.</summary>
        public ReadOnlyMemory<int>? Wanted { get; set; }

        /// <summary>Whether all rows share what is computed.</summary>
        public bool Shares { get; set; }

        public float[]? Attentions { get; set; }

        public void Set(StepBinding? binding, StepShape shape, ReadOnlyMemory<int> tokens, Memory<float> logits)
        {
            (Binding, Shape, Tokens, Logits) = (binding, shape, tokens, logits);
            (Wanted, Shares, Attentions) = (null, false, null);
        }

        protected override void Execute(CancellationToken cancellationToken) => generation.Execute(this, cancellationToken);
    }
}
