using Earshot.Models;

namespace Earshot.Onnx.Runner;

/// <summary>One window's hypotheses. After the prompt all rows share one row of cache; they get their own when they part.</summary>
internal sealed class OnnxWhisperDecoder : WhisperDecoder
{
    readonly OnnxWhisperRuntime _runtime;
    readonly OnnxEncodedAudio _audio;
    readonly StepBinding _stepping;
    StepBinding? _aligning;
    CacheBlock _past;
    CacheBlock _next;
    int _length;
    int _live; // rows that the past holds
    bool _shared; // whether all rows are still the same, so that one is held
    bool _disposed;

    public OnnxWhisperDecoder(OnnxWhisperRuntime runtime, OnnxEncodedAudio audio, int rows)
    {
        _runtime = runtime;
        _audio = audio;
        Rows = rows;
        _past = new CacheBlock(runtime.Layout);
        _next = new CacheBlock(runtime.Layout);
        _stepping = new StepBinding(runtime.Decoder, runtime, audio);
    }

    public override int Rows { get; }

    public override int VocabSize => _runtime.Config.VocabSize;

    public override int Length => _length;

    public override void Start(ReadOnlySpan<int> prompt, ReadOnlySpan<int> positions, Span<float> logits, CancellationToken cancellationToken = default)
    {
        if (prompt.IsEmpty) throw new ModelException("A decoder starts with at least one token; the prompt is empty.");
        Begin();
        int first = prompt.Length - 1, wanted = 0;
        for (int i = prompt.Length - 1; i >= 0; i--)
        {
            if (!positions.Contains(i)) continue;
            first = i;
            wanted++;
        }
        RequireSpace(logits, wanted);
        var computed = Run(_stepping, prompt, 1, first, cancellationToken);
        _shared = true;
        int written = 0;
        for (int i = first; i < prompt.Length; i++)
        {
            if (positions.Contains(i)) computed.Slice((i - first) * VocabSize, VocabSize).CopyTo(logits[(written++ * VocabSize)..]);
        }
    }

    public override void Step(ReadOnlySpan<int> tokens, Span<float> logits, CancellationToken cancellationToken = default)
    {
        if (tokens.Length > Rows) throw new ModelException($"{tokens.Length} tokens were given to a decoder of {Rows} rows.");
        if (tokens.IsEmpty) throw new ModelException("A step takes a token for at least one row.");
        RequireSpace(logits, tokens.Length);
        Part(tokens.Length);
        Run(_stepping, tokens, tokens.Length, 0, cancellationToken).CopyTo(logits);
        _shared = false;
    }

    public override void Extend(ReadOnlySpan<int> tokens, Span<float> logits, CancellationToken cancellationToken = default)
    {
        if (tokens.IsEmpty) throw new ModelException("Extending takes at least one token.");
        RequireSpace(logits, tokens.Length);
        Run(_stepping, tokens, 1, 0, cancellationToken).CopyTo(logits);
        _shared = false;
    }

    /// <summary>Costs one copy of the past, nothing where each row goes on with itself or all rows are still the same.</summary>
    public override void Reorder(ReadOnlySpan<int> parents)
    {
        bool moved = parents.Length > _live;
        for (int i = 0; i < parents.Length; i++)
        {
            if ((uint)parents[i] >= (uint)(_shared ? Rows : _live)) throw new ModelException($"Row {parents[i]} cannot be continued: the last step had {_live} rows.");
            moved |= parents[i] != i;
        }
        if (!moved || _shared || parents.IsEmpty) return;
        Trim();
        _past.See(_live, _length);
        _runtime.Rows.Gather(_past, _next, parents);
        Swap(parents.Length);
    }

    /// <summary>Costs one copy of what is kept, at the next step.</summary>
    public override void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)_length, nameof(length));
        _length = length;
    }

    public override float[] Align(ReadOnlySpan<int> tokens, Span<float> logits, CancellationToken cancellationToken = default)
    {
        if (tokens.IsEmpty) throw new ModelException("There are no tokens to align.");
        if (!logits.IsEmpty) RequireSpace(logits, tokens.Length);
        var session = _runtime.Aligner ?? throw new ModelException($"The model '{_runtime.Model.Folder}' was exported without word times. Export it again with them.");
        Begin();
        _aligning ??= new StepBinding(session, _runtime, _audio);
        var computed = Run(_aligning, tokens, 1, logits.IsEmpty ? tokens.Length - 1 : 0, cancellationToken);
        if (!logits.IsEmpty) computed.CopyTo(logits);
        return _aligning.TakeAttentions();
    }

    protected override void Dispose(bool disposing)
    {
        if (_disposed) return;
        _disposed = true;
        _stepping.Dispose();
        _aligning?.Dispose();
        _past.Dispose();
        _next.Dispose();
        base.Dispose(disposing);
    }

    void Begin()
    {
        _length = 0;
        _live = 1;
        _shared = false;
    }

    // (rows × time) tokens, row by row; the logits from position `first` of each row on.
    ReadOnlySpan<float> Run(StepBinding binding, ReadOnlySpan<int> tokens, int rows, int first, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        int time = tokens.Length / rows, most = _runtime.Config.MaxTargetPositions;
        if (_length + time > most) throw new ModelException($"{_length + time} tokens do not fit this model's context of {most}.");
        if (rows > _live) throw new ModelException($"{rows} tokens were given, but the last step had {_live} rows. Reorder to make more rows of them.");
        Trim();
        _past.See(rows, _length);
        _next.See(rows, _length + time);
        var logits = binding.Run(new StepShape(rows, time, first), tokens, _past, _next, cancellationToken);
        _length += time;
        Swap(rows);
        return logits;
    }

    void Part(int rows)
    {
        if (!_shared || rows <= _live) return;
        Trim();
        _past.See(_live, _length);
        _runtime.Rows.Gather(_past, _next, new int[rows]);
        Swap(rows);
    }

    void Trim()
    {
        if (_length == 0 || _length == _past.Length) return;
        _past.See(_live, _past.Length);
        _runtime.Rows.Cut(_past, _next, _length);
        Swap(_live);
    }

    void Swap(int rows)
    {
        (_past, _next) = (_next, _past);
        _live = rows;
    }

    void RequireSpace(ReadOnlySpan<float> logits, int rows)
    {
        if (logits.Length < (long)rows * VocabSize) throw new ModelException($"Room for {logits.Length} logits was given; {rows} rows of {VocabSize} are needed.");
    }
}
