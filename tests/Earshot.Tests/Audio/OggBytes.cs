using System.Buffers.Binary;

namespace Earshot.Audio;

/// <summary>Takes Ogg files apart and puts them together in other ways.</summary>
internal static class OggBytes
{
    public static List<byte[]> Pages(byte[] bytes)
    {
        var pages = new List<byte[]>();
        for (var at = 0; at < bytes.Length;)
        {
            var length = OggPage.LengthOf(bytes.AsSpan(at));
            Assert.True(length > 0);
            pages.Add(bytes[at..(at + length)]);
            at += length;
        }
        return pages;
    }

    public static byte[] Map(byte[] bytes, Func<byte[], byte[]> change) => [.. Pages(bytes).SelectMany(change)];

    /// <summary>The page with its check sum made right.</summary>
    public static byte[] Signed(byte[] page)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(22), OggPage.CheckSum(page));
        return page;
    }

    public static byte[] WithSerial(byte[] page, uint serial)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(14), serial);
        return Signed(page);
    }

    /// <summary>The same stream in pages of a few packets, each of so many granules.</summary>
    public static byte[] Repaged(byte[] bytes, int packets, int granules)
    {
        var pages = Pages(bytes);
        var last = OggPage.Read(pages[^1])!.Value;
        var reader = new OggPackets();
        var sound = pages.Select(page => OggPage.Read(page)!.Value).SelectMany(page => reader.Add(page)).Skip(2).ToList();
        var made = new List<byte>([.. pages[0], .. pages[1]]);
        for (var first = 0; first < sound.Count; first += packets)
        {
            var part = sound.GetRange(first, Math.Min(packets, sound.Count - first));
            var isLast = first + packets >= sound.Count;
            byte[] lacing =
            [
                .. part.SelectMany(packet => (byte[])[.. Enumerable.Repeat((byte)255, packet.Length / 255), (byte)(packet.Length % 255)])
            ];
            var page = new byte[27];
            "OggS"u8.CopyTo(page);
            page[5] = (byte)(isLast ? 4 : 0);
            BinaryPrimitives.WriteInt64LittleEndian(page.AsSpan(6), isLast ? last.Granule : (first + part.Count) * (long)granules);
            BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(14), last.Serial);
            BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(18), (uint)(2 + (first / packets)));
            page[26] = (byte)lacing.Length;
            made.AddRange(Signed([.. page, .. lacing, .. part.SelectMany(packet => packet)]));
        }
        return [.. made];
    }
}
