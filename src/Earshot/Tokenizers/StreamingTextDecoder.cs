using System.Buffers;
using System.Text;

namespace Earshot.Tokenizers;

/// <summary>
/// Decodes tokens as they come, giving text only when its characters are complete, so that no piece ends between the halves of a surrogate
/// pair; the pieces together are what <see cref="Tokenizer.Decode"/> gives of all tokens. Not for several threads at once.
/// </summary>
public sealed class StreamingTextDecoder
{
    readonly ByteTokenizer _tokenizer;
    readonly bool _keepsSpecialTokens;
    readonly StringBuilder _text = new();
    // The beginning of a character.
    readonly byte[] _pending = new byte[4];
    int _pendingCount;
    // Whether nothing was written yet, and what is left to drop before it.
    bool _isStart = true;
    LeadingSpaces _toDrop;

    /// <param name="keepSpecialTokens">Whether special tokens are written out rather than left out.</param>
    public StreamingTextDecoder(ByteTokenizer tokenizer, bool keepSpecialTokens = false)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        _keepsSpecialTokens = keepSpecialTokens;
        _toDrop = tokenizer.LeadingSpaces;
    }

    /// <summary>The characters that a token completes, often none; special tokens add nothing unless they are kept.</summary>
    public string Append(int token)
    {
        if (_tokenizer.IsSpecial(token) && !_keepsSpecialTokens) return "";
        var bytes = _tokenizer.TokenBytes(token);
        if (_isStart && _toDrop != LeadingSpaces.Kept && _tokenizer.MayLead(token) && bytes.StartsWith(" "u8))
        {
            bytes = bytes[1..];
            if (_toDrop == LeadingSpaces.OneDropped) _toDrop = LeadingSpaces.Kept;
        }
        if (!bytes.IsEmpty) _isStart = false;
        Convert(bytes);
        return Take();
    }

    /// <summary>Ends the text: an unfinished character becomes U+FFFD. The next token begins a new text.</summary>
    public string Flush()
    {
        if (_pendingCount > 0) Replace(_pendingCount);
        _pendingCount = 0;
        _isStart = true;
        _toDrop = _tokenizer.LeadingSpaces;
        return Take();
    }

    void Convert(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_pendingCount == 0 && bytes[0] < 128)
            {
                int ascii = bytes.IndexOfAnyExceptInRange((byte)0, (byte)127);
                if (ascii < 0) ascii = bytes.Length;
                foreach (byte letter in bytes[..ascii]) _text.Append((char)letter);
                bytes = bytes[ascii..];
                continue;
            }
            _pending[_pendingCount++] = bytes[0];
            bytes = bytes[1..];
            Resolve();
        }
    }

    /// <summary>Writes what the pending bytes have become: a character, or what cannot be one.</summary>
    void Resolve()
    {
        while (_pendingCount > 0)
        {
            var status = Rune.DecodeFromUtf8(_pending.AsSpan(0, _pendingCount), out var rune, out int used);
            if (status == OperationStatus.NeedMoreData) return;
            if (status == OperationStatus.Done) _text.Append(rune.ToString());
            else Replace(used);
            _pending.AsSpan(used, _pendingCount - used).CopyTo(_pending);
            _pendingCount -= used;
        }
    }

    void Replace(int bytes) => _text.Append('\uFFFD', _tokenizer.ReplacesEachByte ? bytes : 1);

    string Take()
    {
        var text = _text.ToString();
        _text.Clear();
        return text;
    }
}
