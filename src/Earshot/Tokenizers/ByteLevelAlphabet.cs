namespace Earshot.Tokenizers;

/// <summary>
/// The printable stand-ins that GPT-2's files use for bytes: a printable Latin-1 byte is itself, the others count up from U+0100.
/// </summary>
static class ByteLevelAlphabet
{
    const int Count = 256 + 68;

    static readonly short[] s_byteOf = Create();

    /// <summary>The bytes that a token of a vocabulary file stands for, or null where it has a character outside the alphabet.</summary>
    public static byte[]? ToBytes(string token)
    {
        var bytes = new byte[token.Length];
        for (int i = 0; i < token.Length; i++)
        {
            if (token[i] >= Count || s_byteOf[token[i]] < 0) return null;
            bytes[i] = (byte)s_byteOf[token[i]];
        }
        return bytes;
    }

    static short[] Create()
    {
        var byteOf = new short[Count];
        Array.Fill(byteOf, (short)-1);
        char standIn = '\u0100';
        for (int b = 0; b < 256; b++)
        {
            bool printable = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            byteOf[printable ? b : standIn++] = (short)b;
        }
        return byteOf;
    }
}
