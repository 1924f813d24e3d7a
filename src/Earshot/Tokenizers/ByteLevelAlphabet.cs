namespace Earshot.Tokenizers;

/// <summary>The printable stand-ins that GPT-2's files use for bytes: a printable Latin-1 byte is itself, the others count up from U+0100.</summary>
static class ByteLevelAlphabet
{
    static readonly Dictionary<char, byte> s_bytes = Create();

    /// <summary>The bytes that a token of a vocabulary file stands for, or null where it has a character outside the alphabet.</summary>
    public static byte[]? ToBytes(string token)
    {
        var bytes = new byte[token.Length];
        for (int i = 0; i < token.Length; i++)
        {
            if (!s_bytes.TryGetValue(token[i], out bytes[i])) return null;
        }
        return bytes;
    }

    static Dictionary<char, byte> Create()
    {
        var bytes = new Dictionary<char, byte>(256);
        char standIn = '\u0100';
        for (int b = 0; b < 256; b++)
        {
            bool printable = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            bytes.Add(printable ? (char)b : standIn++, (byte)b);
        }
        return bytes;
    }
}
