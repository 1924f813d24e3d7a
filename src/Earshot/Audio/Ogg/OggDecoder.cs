namespace Earshot.Audio;

/// <summary>One codec's packets to samples.</summary>
internal abstract class OggDecoder : IDisposable
{
    public abstract string Name { get; }

    public abstract int SampleRate { get; }

    public abstract int Channels { get; }

    /// <summary>Frames before the recording, which every stream has.</summary>
    public virtual int PreSkip => 0;

    /// <summary>Whether a stream may begin with frames before position 0.</summary>
    public abstract bool MayBeginEarly { get; }

    /// <summary>Whether all header packets are there.</summary>
    public abstract bool IsReady { get; }

    /// <summary>Begins with a stream's first packet; null where its codec is none of ours.</summary>
    /// <exception cref="AudioFormatException">The header is damaged, or of a kind that is not read here.</exception>
    public static OggDecoder? Create(ReadOnlySpan<byte> first, string name)
    {
        if (VorbisHeader.IsHeader(first)) return new VorbisDecoder(VorbisHeader.Read(first, name), name);
        return OpusHead.IsHeader(first) && OpusHead.Read(first, name) is { IsPlain: true } head ? new OpusPacketDecoder(head) : null;
    }

    /// <summary>Takes the next header packet.</summary>
    public abstract void AddHeader(byte[] packet);

    /// <summary>The frames that the packet, the next in order, gives; null where it is none of sound.</summary>
    public abstract int? Measure(ReadOnlySpan<byte> packet);

    /// <summary>Decodes a packet that was measured, in order, into as many interleaved frames as were told.</summary>
    /// <exception cref="InvalidDataException">It cannot be decoded.</exception>
    public abstract void Decode(byte[] packet, Span<float> interleaved);

    public abstract void Dispose();

    /// <summary>
    /// For each channel of files as they are usually ordered (L R C LFE BL BR SL SR), the place that Vorbis and Opus give it.
    /// </summary>
    protected static ReadOnlySpan<byte> OrderOf(int channels) => channels switch
    {
        3 => [0, 2, 1],
        5 => [0, 2, 1, 3, 4],
        6 => [0, 2, 1, 5, 3, 4],
        7 => [0, 2, 1, 6, 5, 3, 4],
        8 => [0, 2, 1, 7, 5, 6, 3, 4],
        _ => [],
    };

    /// <summary>Puts the channels of whole frames into the usual order.</summary>
    protected static void Reorder(Span<float> interleaved, int channels)
    {
        var order = OrderOf(channels);
        if (order.IsEmpty) return;
        Span<float> frame = stackalloc float[8];
        for (; interleaved.Length >= channels; interleaved = interleaved[channels..])
        {
            interleaved[..channels].CopyTo(frame);
            for (var i = 0; i < channels; i++) interleaved[i] = frame[order[i]];
        }
    }
}
