using NVorbis;

namespace Earshot.Audio;

/// <summary>Vorbis packets to samples.</summary>
internal sealed class VorbisDecoder : OggDecoder
{
    // What the decoder makes of the comments, which may hold pictures, is not asked for.
    static readonly byte[] NoComments = [.. "\u0003vorbis"u8, 0, 0, 0, 0, 0, 0, 0, 0, 1];

    readonly VorbisHeader _header;
    readonly byte[] _first;
    readonly string _name;
    readonly VorbisPackets _packets = new();
    bool _hasComments;
    bool[] _longModes = [];
    StreamDecoder? _decoder;
    int _previousBlock;
    bool _hasDecoded;

    public VorbisDecoder(VorbisHeader header, ReadOnlySpan<byte> first, string name) => (_header, _first, _name) = (header, first.ToArray(), name);

    public override string Name => "Vorbis";

    public override int SampleRate => _header.SampleRate;

    public override int Channels => _header.Channels;

    public override bool MayBeginEarly => true;

    public override bool IsReady => _decoder is not null;

    public override void Dispose() => _decoder?.Dispose();

    public override void AddHeader(byte[] packet)
    {
        if (!_hasComments)
        {
            _hasComments = true;
            return;
        }
        try
        {
            _longModes = VorbisSetup.ReadModes(packet, Channels);
            _packets.Add(_first);
            _packets.Add(NoComments);
            _packets.Add(packet);
            _decoder = new StreamDecoder(_packets) { ClipSamples = false };
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new AudioFormatException($"'{_name}': the Vorbis setup header cannot be read: {e.Message.TrimEnd('.')}. The header is damaged: copy or download the file again.", e);
        }
    }

    /// <summary>
    /// By the specification a packet gives what lies between its window's middle and that of the one before (section 4.3.8). The decoder
    /// gives what no later window overlaps, so it may be ahead, by what the flat part of a long window before a short one holds.
    /// </summary>
    public override OggPacketSize? Measure(ReadOnlySpan<byte> packet)
    {
        var modeBits = VorbisSetup.Width(_longModes.Length - 1);
        // The first bit is 0 in packets of sound; two more bits tell a long window's neighbours.
        if (packet.IsEmpty || (packet[0] & 1) != 0 || 8 * packet.Length < 1 + modeBits + 2) return null;
        var bits = new VorbisBits(packet);
        bits.Skip(1);
        var mode = (int)bits.Read(modeBits);
        if (mode >= _longModes.Length) return null;
        var isLong = _longModes[mode];
        var block = isLong ? _header.LongBlock : _header.ShortBlock;
        var before = isLong && !bits.ReadFlag() ? _header.ShortBlock : block;
        var after = isLong && !bits.ReadFlag() ? _header.ShortBlock : block;
        var isFirst = _previousBlock == 0;
        var granules = isFirst ? 0 : (_previousBlock + block) / 4;
        var frames = isFirst ? (block - after) / 4 : (block / 2) + ((before - after) / 4);
        _previousBlock = block;
        return new OggPacketSize(granules, frames);
    }

    public override void Decode(byte[] packet, Span<float> interleaved)
    {
        _packets.Add(packet);
        if (!_hasDecoded)
        {
            // Half of the first window has nothing before it. It is decoded with the next packet; what it is ahead by is silent.
            _hasDecoded = true;
            interleaved.Clear();
            return;
        }
        try
        {
            var read = _decoder!.Read(interleaved, 0, interleaved.Length);
            if (read != interleaved.Length) throw new InvalidDataException($"it gives {read / Channels} frames; expected {interleaved.Length / Channels}");
        }
        catch (Exception e) when (e is not (OutOfMemoryException or InvalidDataException))
        {
            throw new InvalidDataException(e.Message, e);
        }
        finally
        {
            _packets.Clear();
        }
        Reorder(interleaved, Channels);
    }
}
