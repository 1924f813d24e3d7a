using System.Diagnostics;
using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>
/// Computes long prompts, chunk by chunk, attending block by block: at the speed of an encoder. Chunks end at fixed places, so that a
/// prompt has the same bits in any company; between layers, steps of others pass. Each chunk waits for its turn among the device's jobs.
/// </summary>
internal sealed class CpuPrefill : IDisposable
{
    readonly CpuDecoderRuntime _runtime;
    readonly Scope _root;
    readonly CpuDevice _device;
    readonly CpuBackend _backend;
    readonly DecoderState _state;

    public CpuPrefill(CpuDecoderRuntime runtime, Scope root, CpuDevice device)
    {
        (_runtime, _root, _device) = (runtime, root, device);
        _backend = new CpuBackend(device) { RowPrecision = RowPrecision.Sequence };
        // The same caches, and a layout of its own: steps that pass between layers have theirs.
        _state = new DecoderState { Past = runtime.State.Past, Memory = runtime.State.Memory };
    }

    /// <summary>
    /// Computes a prompt into a row that holds nothing, but for what is kept of one that begins alike; returns how many positions were.
    /// </summary>
    public async ValueTask<int> RunAsync(PrefillPrompt prompt, CancellationToken cancellationToken)
    {
        int reused = 0;
        for (int first = 0; first < prompt.Tokens.Length;)
        {
            int start = first;
            await _device.RunAsync(_backend, () => first = ComputeNext(prompt, start, ref reused), cancellationToken).ConfigureAwait(false);
        }
        return reused;
    }

    // The caches are the decoder's, which frees them.
    public void Dispose() => _backend.Dispose();

    /// <summary>
    /// Computes a chunk and returns its end. Another prompt may have computed more of the same beginning since the last chunk, even one
    /// that was asked for at the same time.
    /// </summary>
    int ComputeNext(PrefillPrompt prompt, int first, ref int reused)
    {
        int start = Reuse(prompt, first);
        reused += start - first;
        if (start == prompt.Tokens.Length) return start;
        int end = BatchLayout.ChunkEnd(start, prompt.Tokens.Length);
        Compute(prompt, start, end);
        Keep(prompt, end);
        return end;
    }

    int Reuse(PrefillPrompt prompt, int first)
    {
        if (_runtime.Prefixes is not { } prefixes || prompt.Reusable <= first) return first;
        lock (_runtime.Pages)
        {
            var (row, length) = prefixes.Find(prompt.Tokens, prompt.Adapter, prompt.Reusable);
            if (length <= first) return first;
            _runtime.Pages.Share(prompt.Row, row, length);
            return length;
        }
    }

    void Keep(PrefillPrompt prompt, int end)
    {
        if (_runtime.Prefixes is not { } prefixes || end > prompt.Keepable) return;
        lock (_runtime.Pages) prefixes.Keep(prompt.Row, prompt.Tokens.AsSpan(0, end), prompt.Adapter);
    }

    void Compute(PrefillPrompt prompt, int first, int end)
    {
        long started = Stopwatch.GetTimestamp();
        lock (_runtime.Pages) _runtime.Grow(prompt.Row, first, end);
        _backend.FreeTemporaries();
        int count = end - first;
        _state.Layout.Clear();
        _state.Layout.AddPrompt(prompt.Row, first, count, prompt.Slot);
        _state.Adapted.Clear();
        if (prompt.Adapter is { } adapter) _state.Adapted.Add(new AdaptedTokens(adapter, null));
        var shape = new Shape(count);
        var tokens = _backend.Indices(prompt.Tokens.AsSpan(first, count), shape);
        var positions = _backend.Indices([.. Enumerable.Range(first, count)], shape);
        var embedded = _runtime.Decoder.Embed(tokens, _root);
        foreach (var (at, values) in prompt.Embeddings) Put(embedded, (first, end), at, values.Span);
        var hidden = _runtime.Decoder.Decode(embedded, positions, _state, _root);
        int[] wanted = [.. prompt.Wanted.Where(position => position >= first && position < end)];
        if (wanted.Length > 0)
        {
            var chosen = hidden.SelectRows(_backend.Indices([.. wanted.Select(position => position - first)], new Shape(wanted.Length)));
            int at = prompt.Wanted.TakeWhile(position => position < first).Count();
            CpuBackend.Read(_runtime.Decoder.Logits(chosen, _root)).CopyTo(prompt.Logits.Span[(at * _runtime.Shape.VocabSize)..]);
        }
        _runtime.Time.Add(started);
    }

    // The part of some audio's embeddings that falls into a chunk.
    void Put(Tensor embedded, (int First, int End) chunk, int at, ReadOnlySpan<float> values)
    {
        int width = _runtime.Shape.Width, count = values.Length / width;
        int from = Math.Max(at, chunk.First), to = Math.Min(at + count, chunk.End);
        if (from < to) CpuBackend.Write(embedded, from - chunk.First, values.Slice((from - at) * width, (to - from) * width));
    }
}

/// <summary>A prompt to be computed: its row, its tokens with audio in the place of some, and which positions' logits go where.</summary>
internal sealed record PrefillPrompt(int Row, int Slot, int[] Tokens, IReadOnlyList<(int First, ReadOnlyMemory<float> Values)> Embeddings)
{
    /// <summary>What the sequence has beside the decoder's weights.</summary>
    public LowRankAdapter? Adapter { get; init; }

    /// <summary>Positions in order.</summary>
    public int[] Wanted { get; init; } = [];

    public Memory<float> Logits { get; init; }

    /// <summary>How many positions may be those of another prompt: before the first whose logits are wanted, and before audio.</summary>
    public int Reusable => Math.Min(Keepable, Wanted.Length > 0 ? Wanted[0] : Tokens.Length);

    /// <summary>How many positions are told by their tokens.</summary>
    public int Keepable => Embeddings.Count > 0 ? Embeddings[0].First : Tokens.Length;
}
