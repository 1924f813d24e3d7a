namespace Earshot.Audio;

/// <summary>Reads Ogg pages one after the other, passing over what is none.</summary>
internal sealed class OggPages(ByteSource source)
{
    const int HeaderAndLacing = 27 + 255;

    /// <summary>Bytes passed over since the last page, and where they began.</summary>
    public long Skipped { get; private set; }

    /// <summary>Where the last page began.</summary>
    public long Position { get; private set; }

    /// <summary>The next page; null at the end.</summary>
    public OggPage? Next()
    {
        Skipped = 0;
        while (true)
        {
            var length = OggPage.LengthOf(source.Peek(HeaderAndLacing));
            if (length > 0 && OggPage.Read(source.Peek(length)) is { } page)
            {
                Position = source.Position;
                source.Skip(length);
                return page;
            }
            if (!SkipToCandidate()) return null;
        }
    }

    /// <summary>Goes on to the next bytes that may begin a page; false at the end.</summary>
    bool SkipToCandidate()
    {
        var bytes = source.Peek(ByteSource.MaxPeek);
        if (bytes.IsEmpty) return false;
        var at = bytes[1..].IndexOf("OggS"u8);
        // The signature may be cut by the end of what can be seen.
        var step = at >= 0 ? at + 1 : Math.Max(1, bytes.Length - 3);
        Skipped += step;
        source.Skip(step);
        return true;
    }
}
