using NVorbis;
using NVorbis.Contracts;

namespace Earshot.Audio;

/// <summary>Hands packets to the decoder one by one.</summary>
internal sealed class VorbisPackets : NVorbis.Contracts.IPacketProvider
{
    readonly Queue<byte[]> _packets = new();

    public bool CanSeek => false;

    public int StreamSerial => 0;

    public void Add(byte[] packet) => _packets.Enqueue(packet);

    public void Clear() => _packets.Clear();

    public IPacket GetNextPacket() => _packets.TryDequeue(out var packet) ? new Packet(packet) : null!;

    public IPacket PeekNextPacket() => _packets.TryPeek(out var packet) ? new Packet(packet) : null!;

    public long SeekTo(long granulePos, int preRoll, GetPacketGranuleCount getPacketGranuleCount) => throw new NotSupportedException();

    public long GetGranuleCount() => throw new NotSupportedException();

    sealed class Packet(byte[] bytes) : DataPacket
    {
        int _at;

        protected override int TotalBits => 8 * bytes.Length;

        protected override int ReadNextByte() => _at < bytes.Length ? bytes[_at++] : -1;

        public override void Reset()
        {
            _at = 0;
            base.Reset();
        }
    }
}
