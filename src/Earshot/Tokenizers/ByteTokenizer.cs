namespace Earshot.Tokenizers;

/// <summary>A tokenizer whose text is the bytes of its tokens, which need not be whole characters each.</summary>
public abstract class ByteTokenizer : Tokenizer
{
    /// <summary>Whether a token is anything but text.</summary>
    public abstract bool IsSpecial(int id);

    /// <summary>The bytes of a text token, which need not be whole characters; of a special token, those of its written form.</summary>
    public abstract ReadOnlySpan<byte> TokenBytes(int id);

    /// <summary>How many leading spaces of a text are not its own: none, one, or all.</summary>
    internal virtual LeadingSpaces LeadingSpaces => LeadingSpaces.Kept;

    /// <summary>Whether every byte that is not UTF-8 becomes U+FFFD, rather than each run that could have begun a character.</summary>
    internal virtual bool ReplacesEachByte => false;

    /// <summary>Whether a space that the token begins with may be the one before the text.</summary>
    internal virtual bool MayLead(int id) => true;
}

/// <summary>What becomes of spaces before a decoded text.</summary>
enum LeadingSpaces { Kept, OneDropped, Dropped }
