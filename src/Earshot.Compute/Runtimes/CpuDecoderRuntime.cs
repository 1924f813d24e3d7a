using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>A decoder on the CPU backend: one cache for all generations, whose steps are merged.</summary>
internal sealed class CpuDecoderRuntime : DecoderRuntime, IStepExecutor, IDisposable
{
    const int MostCachePositions = 1 << 17;

    readonly Scope _root;
    readonly CpuDevice _device;
    readonly CpuBackend _backend;
    readonly Lazy<CpuPrefill> _prefill;
    readonly List<int> _tokens = [];
    readonly List<int> _positions = [];
    readonly List<int> _wanted = [];
    readonly List<int> _observed = [];
    readonly List<StepRequest> _alone = [];
    readonly StepAdapters _adapters = new();

    // Their matrices are packed as they are first used, and freed with this.
    readonly ConcurrentDictionary<LowRankAdapter, bool> _seen = new();

    public CpuDecoderRuntime(ModelParts parts, Scope root, CpuDevice device, RuntimeLimits limits) : base(parts.Decoder!)
    {
        (_root, _device) = (root, device);
        // However many are merged: a token's bits are those of its sequence alone.
        _backend = new CpuBackend(device) { RowPrecision = RowPrecision.Step };
        Rows = new PlacePool(limits.Rows, limits.Waiting, "sequences at once");
        Pages = new PageTable(limits.CachePositions is { } positions
            ? PageTable.PagesFor(positions)
            : (int)Math.Min((long)limits.Rows * PageTable.PagesFor(Shape.MostPositions), PageTable.PagesFor(MostCachePositions)));
        State = new DecoderState
        {
            Past = [.. Enumerable.Range(0, Shape.Layers).Select(_ => _backend.CreateCache(Pages, Shape.KeyWidth, Shape.Heads))],
            Memory = Shape.MemoryPositions == 0
                ? []
                : [.. Enumerable.Range(0, Shape.Layers)
                    .Select(_ => _backend.CreateMemory(limits.Windows, Shape.MemoryPositions, Shape.Width, Shape.Heads))],
        };
        if (parts.Decoder!.Shape is { PrefillsInChunks: true, MemoryPositions: 0 } && limits.PrefixPositions > 0)
            Prefixes = new PrefixCache(Pages, limits.PrefixPositions);
        _prefill = new(() => new CpuPrefill(this, root, device));
    }

    public int MostTokens => CpuDevice.MaxExactRows;

    public override bool TakesAdapters => true;

    public StageTimer Time { get; } = new();

    internal PlacePool Rows { get; }

    /// <summary>Where each row's past is. It is changed by callers and by the device's line of work, each holding it locked.</summary>
    internal PageTable Pages { get; }

    /// <summary>Prompts that are kept, under the lock of <see cref="Pages"/>; null where none is.</summary>
    internal PrefixCache? Prefixes { get; }

    /// <summary>Computes long prompts.</summary>
    internal CpuPrefill Prefill => _prefill.Value;

    internal DecoderState State { get; }

    internal DeviceScheduler Scheduler => _device.Scheduler;

    /// <summary>Keeps encoded audio in a slot of the memory; on the device's line of work.</summary>
    public void Store(Tensor encoded, int slot) => Decoder.StoreMemory(encoded, State.Memory, slot, _root);

    public void Dispose()
    {
        State.Dispose();
        _backend.Dispose();
        foreach (var adapter in _seen.Keys) _device.Unload(adapter.Root);
        if (_prefill.IsValueCreated) _prefill.Value.Dispose();
    }

    public void ExecuteAlone(StepRequest request)
    {
        _alone.Clear();
        _alone.Add(request);
        Execute(_alone);
    }

    public void Execute(List<StepRequest> batch)
    {
        long started = Stopwatch.GetTimestamp();
        Collect(batch);
        if (_tokens.Count == 0) return;
        _backend.FreeTemporaries();
        var shape = new Shape(_tokens.Count);
        var tokens = _backend.Indices(CollectionsMarshal.AsSpan(_tokens), shape);
        var positions = _backend.Indices(CollectionsMarshal.AsSpan(_positions), shape);
        var embedded = Decoder.Embed(tokens, _root);
        PutAudio(batch, embedded);
        _adapters.Place(State, _backend);
        Look(batch);
        var hidden = Decoder.Decode(embedded, positions, State, _root);
        if (State.Probes.Count > 0) ReadAttention(batch);
        if (_wanted.Count > 0)
        {
            if (_wanted.Count < _tokens.Count)
                hidden = hidden.SelectRows(_backend.Indices(CollectionsMarshal.AsSpan(_wanted), new Shape(_wanted.Count)));
            HandOut(CpuBackend.Read(Decoder.Logits(hidden, _root)), batch);
        }
        Time.Add(started);
    }

    protected override async ValueTask<Generation> StartAsync(
        EncodedAudio? memory, int rows, LowRankAdapter? adapter, CancellationToken cancellationToken)
    {
        int slot = 0, positions = 0;
        if (memory is not null)
        {
            if (memory is not CpuEncodedAudio window || window.Owner != this)
                throw new ModelException(
                    $"Audio encoded by {memory.GetType().Name} of another runtime cannot be decoded here; " +
                    "encode it with the model that decodes it.");
            (slot, positions) = (window.Slot, window.Positions);
        }
        var places = await Rows.TakeAsync(rows, cancellationToken).ConfigureAwait(false);
        try
        {
            if (adapter is not null) _seen.TryAdd(adapter, true);
            return new CpuGeneration(this, places, (slot, positions), adapter);
        }
        catch
        {
            Rows.Return(places);
            throw;
        }
    }

    /// <summary>Room in the pages for what a row is about to hold; what it had from <paramref name="first"/> on is forgotten.</summary>
    internal void Grow(int row, int first, int length)
    {
        if (Pages.Length(row) > first) Pages.Truncate(row, first);
        if (GrowPages(row, length) is not { } copy) return;
        // By index: an enumerator of the interface would be garbage at every step.
        for (int layer = 0; layer < State.Past.Count; layer++) State.Past[layer].CopyPage(copy);
    }

    // What is only kept gives way.
    PageCopy? GrowPages(int row, int length)
    {
        while (true)
        {
            try
            {
                return Pages.Grow(row, length);
            }
            catch (OverloadedException) when (Prefixes?.TryGiveUp() == true)
            {
            }
        }
    }

    void Collect(List<StepRequest> batch)
    {
        _tokens.Clear();
        _positions.Clear();
        _wanted.Clear();
        State.Layout.Clear();
        State.Probes.Clear();
        _adapters.Clear();
        for (int i = 0; i < batch.Count; i++)
        {
            if (!TryMakeRoom(batch[i])) continue;
            foreach (var (row, position, token, logits) in batch[i].Tokens)
            {
                if (logits) _wanted.Add(_tokens.Count);
                _tokens.Add(token);
                _positions.Add(position);
                State.Layout.Add(row, position, batch[i].Slot);
                _adapters.Add(batch[i].Adapter);
            }
        }
    }

    // Who finds no page is refused alone; the others' step goes on.
    bool TryMakeRoom(StepRequest request)
    {
        try
        {
            lock (Pages)
            {
                foreach (var (row, position, _, _) in request.Tokens) Grow(row, position, position + 1);
            }
            return true;
        }
        catch (OverloadedException refusal)
        {
            request.Refuse(refusal);
            return false;
        }
    }

    // Audio in the place of tokens: its embeddings are there already.
    static void PutAudio(List<StepRequest> batch, Tensor embedded)
    {
        int first = 0;
        foreach (var request in batch)
        {
            foreach (var (at, values) in request.Embeddings) CpuBackend.Write(embedded, first + at, values.Span);
            first += request.Count;
        }
    }

    void Look(List<StepRequest> batch)
    {
        int first = 0;
        foreach (var request in batch)
        {
            if (request.Attention is not null)
            {
                _observed.Clear();
                for (int t = 0; t < request.Count; t++) _observed.Add(first + t);
                var indices = CollectionsMarshal.AsSpan(_observed);
                var probe = new AlignmentProbe(Shape.AlignmentHeads);
                probe.Look(State.Layout, indices, _backend.Indices(indices, new Shape(indices.Length)));
                State.Probes.Add(probe);
            }
            first += request.Count;
        }
    }

    void ReadAttention(List<StepRequest> batch)
    {
        int probe = 0;
        foreach (var request in batch)
        {
            if (request.Attention is { } weights) Gather(State.Probes[probe++], request, weights);
        }
        State.Probes.Clear();
    }

    // From (tokens, heads of a layer, positions) a layer to (tokens, all heads in the configuration's order, positions).
    static void Gather(AlignmentProbe probe, StepRequest request, float[] weights)
    {
        int positions = request.AudioPositions, heads = probe.Heads.Count;
        for (int h = 0; h < heads; h++)
        {
            var (layer, head) = probe.Heads[h];
            var selected = probe.HeadsOf(layer);
            var values = CpuBackend.Read(probe.Of(layer)!);
            int index = Array.IndexOf(selected, head);
            for (int t = 0; t < request.Count; t++)
            {
                values.Slice((t * selected.Length + index) * positions, positions).CopyTo(weights.AsSpan((t * heads + h) * positions));
            }
        }
    }

    void HandOut(ReadOnlySpan<float> logits, List<StepRequest> batch)
    {
        foreach (var request in batch)
        {
            int count = request.LogitRows * Shape.VocabSize;
            logits[..count].CopyTo(request.Logits.Span);
            logits = logits[count..];
            request.IsComputed = request.Refusal is null;
        }
    }
}
