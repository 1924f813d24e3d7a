using Concentus.Structs;

namespace Earshot.Audio;

/// <summary>Opus packets (RFC 6716) to samples at 48 kHz.</summary>
internal sealed class OpusPacketDecoder : OggDecoder
{
    const int Rate = 48_000;
    const int MaxFrames = Rate * 120 / 1000;

    readonly OpusHead _head;
    readonly OpusMSDecoder _decoder;
    bool _hasTags;

    public OpusPacketDecoder(OpusHead head)
    {
        _head = head;
        // The factory that is advised instead looks for native libraries on the machine, which decide what comes out.
#pragma warning disable CS0618
        _decoder = new OpusMSDecoder(Rate, head.Channels, head.Streams, head.Coupled, head.Mapping);
#pragma warning restore CS0618
    }

    public override string Name => "Opus";

    public override int SampleRate => Rate;

    public override int Channels => _head.Channels;

    public override int PreSkip => _head.PreSkip;

    public override bool MayBeginEarly => false;

    public override bool IsReady => _hasTags;

    public override void Dispose() => _decoder.Dispose();

    public override void AddHeader(byte[] packet) => _hasTags = true;

    public override int? Measure(ReadOnlySpan<byte> packet)
    {
        if (packet.IsEmpty) return null;
        var frames = CountOf(packet) * SizeOf(packet[0] >> 3);
        return frames is > 0 and <= MaxFrames ? frames : null;
    }

    public override void Decode(byte[] packet, Span<float> interleaved)
    {
        var wanted = interleaved.Length / Channels;
        int decoded;
        try
        {
            decoded = _decoder.DecodeMultistream(packet, interleaved, wanted, decode_fec: false);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new InvalidDataException(e.Message, e);
        }
        if (decoded != wanted) throw new InvalidDataException($"it gives {decoded} frames; expected {wanted}");
        if (_head.Gain != 1)
        {
            foreach (ref var sample in interleaved) sample *= _head.Gain;
        }
        Reorder(interleaved, Channels);
    }

    /// <summary>The packet's number of frames, by its first two bytes (section 3.2).</summary>
    static int CountOf(ReadOnlySpan<byte> packet) => (packet[0] & 3) switch
    {
        0 => 1,
        1 or 2 => 2,
        _ => packet.Length > 1 ? packet[1] & 63 : 0,
    };

    /// <summary>Samples of a frame, by the configuration number (section 3.1): SILK from 10 ms, hybrid 10 and 20, CELT from 2.5.</summary>
    static int SizeOf(int configuration) => configuration switch
    {
        < 12 => (configuration & 3) switch { 0 => 480, 1 => 960, 2 => 1920, _ => 2880 },
        < 16 => 480 << (configuration & 1),
        _ => 120 << (configuration & 3),
    };
}
