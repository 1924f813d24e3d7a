namespace Earshot.Audio;

/// <summary>Where a stream of MPEG audio begins: its first frame, with so many others after it that it is no accident.</summary>
/// <param name="Offset">Bytes to pass over.</param>
internal sealed record Mp3Sync(int Offset, Mp3Header Header)
{
    // Four sync bits and fields that must agree, in the right distance.
    const int EnoughAtOnce = 2;
    const int EnoughAfterJunk = 4;

    /// <summary>Looks for it in what can be looked at ahead; null where there is none.</summary>
    /// <param name="alike">What the headers must be like, where the stream's format is known.</param>
    public static Mp3Sync? Find(ByteSource source, Mp3Header? alike = null)
    {
        // The usual place first, so that a live pipe is not waited on for more than that.
        const int Near = 2 * (Mp3Header.MaxLength + Mp3Header.ByteCount);
        return Find(source.Peek(Near), Near, alike) ?? Find(source.Peek(ByteSource.MaxPeek), ByteSource.MaxPeek, alike);
    }

    static Mp3Sync? Find(ReadOnlySpan<byte> bytes, int asked, Mp3Header? alike)
    {
        var isWhole = bytes.Length < asked;
        for (var at = 0; at + Mp3Header.ByteCount <= bytes.Length; at++)
        {
            var found = bytes[at..].IndexOf((byte)0xFF);
            if (found < 0) return null;
            at += found;
            if (!Mp3Header.TryRead(bytes[at..], out var header) || (alike is { } known && !header.IsAlike(known))) continue;
            var needed = at == 0 || alike is not null ? EnoughAtOnce : EnoughAfterJunk;
            if (HasFollowers(bytes[at..], header, needed, isWhole)) return new Mp3Sync(at, header);
        }
        return null;
    }

    static bool HasFollowers(ReadOnlySpan<byte> bytes, Mp3Header first, int needed, bool isWhole)
    {
        var header = first;
        for (var count = 1; count < needed; count++)
        {
            if (bytes.Length < header.Length) return false;
            bytes = bytes[header.Length..];
            // The last frame of a stream stands before its end, or before a tag.
            if (isWhole && count >= needed / 2 && (bytes.IsEmpty || Mp3Tags.LengthOf(bytes) > 0)) return true;
            if (!Mp3Header.TryRead(bytes, out header) || !header.IsAlike(first)) return false;
        }
        return true;
    }
}
