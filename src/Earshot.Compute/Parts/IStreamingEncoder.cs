namespace Earshot.Compute.Parts;

/// <summary>
/// An encoder that also hears sound as it comes, chunk by chunk, and carries along what it needs of the past. What it gives is what
/// <see cref="IAudioEncoder.Encode"/> gives of the whole.
/// </summary>
public interface IStreamingEncoder : IAudioEncoder
{
    StreamShape Stream { get; }

    /// <summary>
    /// The same weights with each of the chunks that they were trained for, the usual one first: shorter ones come sooner, and hear less.
    /// </summary>
    IReadOnlyList<IStreamingEncoder> Latencies => [this];

    /// <summary>What some streams carry from chunk to chunk, all at their beginning.</summary>
    EncoderState CreateState(Backend backend, int streams);

    /// <summary>
    /// The next chunk of each stream that the state's layout names, in its order: features (streams, chunk's frames, inputs) → (streams,
    /// positions, width). Recorded as a graph it is called once, with one stream that begins: how far a stream has come shows in the
    /// state's tensors only, and attention over its pasts takes (streams, positions, size).
    /// </summary>
    Tensor EncodeChunk(Tensor features, EncoderState state, Scope root);
}

/// <summary>How a streaming encoder takes its sound.</summary>
public sealed record StreamShape
{
    /// <summary>Frames of a chunk. The last of a stream is filled up by whoever feeds it.</summary>
    public required int ChunkFrames { get; init; }

    /// <summary>Positions that come of a chunk.</summary>
    public required int ChunkPositions { get; init; }

    /// <summary>
    /// Positions by which the output comes late: the first that a stream gives belong to what it heard so many positions ago.
    /// </summary>
    public int DelayPositions { get; init; }
}

/// <summary>
/// What streams carry: the last frames that convolutions reach back to, pasts of attention, recurrent states. A row a stream.
/// </summary>
public sealed class EncoderState : IDisposable
{
    /// <summary>In the encoder's own order.</summary>
    public IReadOnlyList<FrameTail> Tails { get; init; } = [];

    /// <summary>In the encoder's own order.</summary>
    public IReadOnlyList<KeyValueCache> Past { get; init; } = [];

    /// <summary>Where the pasts lie; null where there are none.</summary>
    public PageTable? Pages { get; init; }

    /// <summary>Which streams the coming chunks belong to, by their rows.</summary>
    public List<int> Streams { get; } = [];

    /// <summary>A stream begins anew.</summary>
    public void Reset(int stream)
    {
        foreach (var tail in Tails) tail.Reset(stream);
        if (Pages is { } pages && pages.Length(stream) > 0) pages.Truncate(stream, 0);
    }

    public void Dispose()
    {
        foreach (var tail in Tails) tail.Dispose();
        foreach (var cache in Past) cache.Dispose();
    }
}
