using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Earshot.Tokenizers;

/// <summary>
/// SentencePiece's normalisation: user-defined pieces as they are, otherwise the longest match of the model's character map, otherwise the
/// character; spaces as ▁. The map is a double-array trie (Aoe 1989) over UTF-8 with offsets into texts that end with a zero.
/// </summary>
sealed class SentencePieceNormalizer
{
    static ReadOnlySpan<byte> Space => "▁"u8;

    readonly SentencePieceModel _model;
    readonly ByteTrie _userDefined;
    readonly uint[] _units = [];
    readonly ReadOnlyMemory<byte> _texts;

    /// <exception cref="CheckpointException">The map is damaged.</exception>
    public SentencePieceNormalizer(SentencePieceModel model, ByteTrie userDefined)
    {
        _model = model;
        _userDefined = userDefined;
        var map = model.CharacterMap;
        if (map.Length == 0) return;
        uint length = map.Length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(map.Span) : uint.MaxValue;
        if (length % 4 != 0 || length == 0 || length > map.Length - 4)
            throw model.Damaged($"its character map of {map.Length} bytes claims a trie of {length}");
        _units = new uint[length / 4];
        for (int i = 0; i < _units.Length; i++) _units[i] = BinaryPrimitives.ReadUInt32LittleEndian(map.Span[(4 + 4 * i)..]);
        _texts = map[(4 + (int)length)..];
        // So that no replacement runs beyond the end.
        if (_texts.Length == 0 || _texts.Span[^1] != 0) throw model.Damaged("its character map's texts do not end");
    }

    /// <summary>The normalised form, as UTF-8.</summary>
    public ReadOnlySpan<byte> Normalize(string text, bool isFirst)
    {
        var input = Encoding.UTF8.GetBytes(text).AsSpan();
        var output = new ArrayBufferWriter<byte>(input.Length + 16);
        bool removes = _model.RemovesExtraSpaces;
        while (removes && !input.IsEmpty && Next(input, out int used).SequenceEqual(" "u8)) input = input[used..];
        if (input.IsEmpty) return [];
        if (_model.DummyPrefix == DummyPrefix.Always || _model.DummyPrefix == DummyPrefix.First && isFirst) output.Write(Space);
        bool afterSpace = removes;
        while (!input.IsEmpty)
        {
            var part = Next(input, out int used);
            input = input[used..];
            while (afterSpace && part.StartsWith(" "u8)) part = part[1..];
            if (part.IsEmpty) continue;
            foreach (byte b in part)
            {
                if (b == ' ') output.Write(Space);
                else output.Write([b]);
            }
            afterSpace = removes && part[^1] == ' ';
        }
        var result = output.WrittenSpan;
        while (removes && result.EndsWith(Space)) result = result[..^Space.Length];
        return result;
    }

    /// <summary>What the beginning of the input becomes.</summary>
    ReadOnlySpan<byte> Next(ReadOnlySpan<byte> input, out int used)
    {
        if (!_userDefined.IsEmpty && _userDefined.Longest(input).Length is > 0 and var length)
        {
            used = length;
            return input[..length];
        }
        if (_units.Length > 0 && Longest(input, out used) is { } text)
        {
            var rest = _texts.Span[text..];
            return rest[..rest.IndexOf((byte)0)];
        }
        // Valid UTF-8, since it came from a string.
        Rune.DecodeFromUtf8(input, out _, out used);
        return input[..used];
    }

    int? Longest(ReadOnlySpan<byte> input, out int used)
    {
        int? found = null;
        used = 0;
        uint position = Offset(_units[0]);
        for (int i = 0; i < input.Length; i++)
        {
            position ^= input[i];
            if (position >= _units.Length) break;
            uint unit = _units[position];
            if ((unit & 0x8000_00FF) != input[i]) break;
            position ^= Offset(unit);
            if ((unit >> 8 & 1) == 0) continue;
            if (position >= _units.Length || (_units[position] & 0x7FFF_FFFF) is var text && text >= _texts.Length)
                throw _model.Damaged("its character map points beyond its end");
            (found, used) = ((int)(_units[position] & 0x7FFF_FFFF), i + 1);
        }
        return found;
    }

    static uint Offset(uint unit) => unit >> 10 << (int)((unit & 0x200) >> 6);
}
