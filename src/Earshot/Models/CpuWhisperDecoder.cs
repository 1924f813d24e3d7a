using Earshot.Compute.Cpu;

namespace Earshot.Models;

/// <summary>Rows of the runtime's shared cache that belong to one window's hypotheses.</summary>
internal sealed class CpuWhisperDecoder : WhisperDecoder
{
    readonly CpuWhisperRuntime _runtime;
    readonly CpuEncodedAudio _audio;
    readonly int[] _rows;
    readonly int[] _parents;
    readonly StepRequest _request = new();
    int _length;
    bool _disposed;

    public CpuWhisperDecoder(CpuWhisperRuntime runtime, CpuEncodedAudio audio, int[] rows)
    {
        _runtime = runtime;
        _audio = audio;
        _rows = rows;
        _parents = new int[rows.Length];
        _runtime.Scheduler.Join();
    }

    public override int Rows => _rows.Length;

    public override int VocabSize => _runtime.Config.VocabSize;

    public override int Length => _length;

    public override void Start(ReadOnlySpan<int> prompt, ReadOnlySpan<int> positions, Span<float> logits, CancellationToken cancellationToken = default)
    {
        if (prompt.IsEmpty) throw new ModelException("A decoder starts with at least one token; the prompt is empty.");
        _length = 0;
        RequireRoom(prompt.Length);
        _request.Clear(_audio.Slot);
        for (int i = 0; i < prompt.Length; i++) _request.Add(_rows[0], i, prompt[i], positions.Contains(i));
        Run(logits, cancellationToken);
        _length = prompt.Length;
        if (_rows.Length == 1) return;
        Array.Fill(_parents, _rows[0]);
        ReorderCaches(_rows.Length);
    }

    public override void Step(ReadOnlySpan<int> tokens, Span<float> logits, CancellationToken cancellationToken = default)
    {
        RequireRoom(1);
        if (tokens.Length > _rows.Length) throw new ModelException($"{tokens.Length} tokens were given to a decoder of {_rows.Length} rows.");
        _request.Clear(_audio.Slot);
        for (int i = 0; i < tokens.Length; i++) _request.Add(_rows[i], _length, tokens[i], true);
        Run(logits, cancellationToken);
        _length++;
    }

    public override void Extend(ReadOnlySpan<int> tokens, Span<float> logits, CancellationToken cancellationToken = default)
    {
        RequireRoom(tokens.Length);
        _request.Clear(_audio.Slot);
        for (int i = 0; i < tokens.Length; i++) _request.Add(_rows[0], _length + i, tokens[i], true);
        Run(logits, cancellationToken);
        _length += tokens.Length;
    }

    public override void Reorder(ReadOnlySpan<int> parents)
    {
        bool moved = false;
        for (int i = 0; i < parents.Length; i++)
        {
            _parents[i] = _rows[parents[i]];
            moved |= parents[i] != i;
        }
        if (!moved) return;
        ReorderCaches(parents.Length);
    }

    public override void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)_length, nameof(length));
        _length = length;
    }

    public override float[] Align(ReadOnlySpan<int> tokens, Span<float> logits, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _length = 0;
        RequireRoom(tokens.Length);
        bool wanted = !logits.IsEmpty;
        _request.Clear(_audio.Slot);
        for (int i = 0; i < tokens.Length; i++) _request.Add(_rows[0], i, tokens[i], wanted);
        var heads = _runtime.Generation.AlignmentHeads;
        var probe = new AlignmentProbe(heads);
        var weights = new float[(long)tokens.Length * heads.Count * _audio.Positions];
        int count = tokens.Length;
        _runtime.Observe(_request, probe, () => Gather(probe, count, weights));
        if (wanted) _request.Logits.AsSpan(0, _request.LogitRows * VocabSize).CopyTo(logits);
        _length = tokens.Length;
        return weights;
    }

    protected override void Dispose(bool disposing)
    {
        if (_disposed) return;
        _disposed = true;
        _runtime.Scheduler.Leave();
        _runtime.Rows.Return(_rows);
        base.Dispose(disposing);
    }

    void Run(Span<float> logits, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        int count = _request.LogitRows * VocabSize;
        if (logits.Length < count) throw new ModelException($"Room for {logits.Length} logits was given; {_request.LogitRows} rows of {VocabSize} are needed.");
        _runtime.Scheduler.Run(_request, cancellationToken);
        _request.Logits.AsSpan(0, count).CopyTo(logits);
    }

    void ReorderCaches(int rows)
    {
        // By index: an enumerator of the interface would be garbage at every step.
        var caches = _runtime.State.Past;
        for (int layer = 0; layer < caches.Count; layer++) caches[layer].Reorder(_rows.AsSpan(0, rows), _parents.AsSpan(0, rows), _length);
    }

    void RequireRoom(int tokens)
    {
        int most = _runtime.Config.MaxTargetPositions;
        if (_length + tokens > most) throw new ModelException($"{_length + tokens} tokens do not fit this model's context of {most}.");
    }

    // From (tokens, heads of a layer, positions) a layer to (tokens, all heads in the configuration's order, positions).
    void Gather(AlignmentProbe probe, int tokens, float[] weights)
    {
        int positions = _audio.Positions, heads = probe.Heads.Count;
        for (int h = 0; h < heads; h++)
        {
            var (layer, head) = probe.Heads[h];
            var selected = probe.HeadsOf(layer);
            var values = CpuBackend.Read(probe.Of(layer)!);
            int index = Array.IndexOf(selected, head);
            for (int t = 0; t < tokens; t++)
            {
                values.Slice((t * selected.Length + index) * positions, positions).CopyTo(weights.AsSpan((t * heads + h) * positions));
            }
        }
    }
}
