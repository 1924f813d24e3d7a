using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Earshot.Tokenizers;

/// <summary>
/// SentencePiece's <c>.model</c>, a protobuf <c>ModelProto</c>: pieces (field 1), the trainer's settings (2), the normaliser (3) and the
/// denormaliser (5). Other fields are passed over; every length is checked against what is left.
/// </summary>
static class SentencePieceFile
{
    const long MaxLength = 64 << 20;

    /// <summary>Reads a file.</summary>
    /// <exception cref="CheckpointException">It is missing, damaged, or of a kind that is not implemented.</exception>
    public static SentencePieceModel Read(string path)
    {
        byte[] content;
        try
        {
            if (new FileInfo(path).Length > MaxLength)
                throw new CheckpointException($"'{path}' is larger than {MaxLength:N0} bytes; no SentencePiece model is.");
            content = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"Cannot read '{path}', which holds the tokenizer: {e.Message}", e);
        }
        return Parse(content, path);
    }

    /// <summary>Reads the content of a file; <paramref name="source"/> names it in messages.</summary>
    /// <exception cref="CheckpointException">It is damaged, or of a kind that is not implemented.</exception>
    public static SentencePieceModel Parse(ReadOnlyMemory<byte> content, string source)
    {
        var pieces = new List<Piece>();
        // The roles' ids are those of protobuf's defaults.
        var model = new SentencePieceModel { Source = source, Pieces = pieces, IsUnigram = true, BeginToken = 1, EndToken = 2 };
        bool isSuffix = false, mapsBack = false, escapes = true;
        var reader = new Reader(content, source);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    if (pieces.Count == SentencePieceModel.MaxPieces) throw reader.Damaged("it has too many pieces");
                    pieces.Add(ReadPiece(reader.Message()));
                    break;
                case 2: model = ReadTrainer(reader.Message(), model, out isSuffix); break;
                case 3: model = ReadNormalizer(reader.Message(), model, out escapes); break;
                case 5: mapsBack |= HoldsMap(reader.Message()); break;
                default: reader.Skip(); break;
            }
        }
        if (isSuffix) throw Refused(source, "treat_whitespace_as_suffix");
        if (mapsBack) throw Refused(source, "a denormaliser");
        if (!escapes) throw Refused(source, "escape_whitespaces = false");
        // Begin and end are named by default even where no piece is for them.
        bool IsRole(int id) => id >= 0 && id < pieces.Count && pieces[id].Type == PieceType.Control;
        model = model with
        {
            BeginToken = IsRole(model.BeginToken) ? model.BeginToken : -1,
            EndToken = IsRole(model.EndToken) ? model.EndToken : -1,
        };
        model.Validate();
        return model;
    }

    static CheckpointException Refused(string source, string what) =>
        new($"'{source}' asks for {what}, which is not implemented. Use a model without it.");

    static Piece ReadPiece(Reader reader)
    {
        string text = "";
        float score = 0;
        int type = (int)PieceType.Normal;
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1: text = reader.Text(); break;
                case 2: score = reader.Float(); break;
                case 3: type = reader.Int32(); break;
                default: reader.Skip(); break;
            }
        }
        return new Piece(text, score, (PieceType)type);
    }

    static SentencePieceModel ReadTrainer(Reader reader, SentencePieceModel model, out bool isSuffix)
    {
        isSuffix = false;
        int kind = 1;
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 3: kind = reader.Int32(); break;
                case 24: isSuffix = reader.Int32() != 0; break;
                case 35: model = model with { ByteFallback = reader.Int32() != 0 }; break;
                case 40: model = model with { UnknownToken = reader.Int32() }; break;
                case 41: model = model with { BeginToken = reader.Int32() }; break;
                case 42: model = model with { EndToken = reader.Int32() }; break;
                case 44: model = model with { UnknownSurface = reader.Text() }; break;
                default: reader.Skip(); break;
            }
        }
        if (kind is not (1 or 2))
            throw Refused(model.Source, kind switch { 3 => "words", 4 => "characters", _ => $"the model type {kind}" });
        return model with { IsUnigram = kind == 1 };
    }

    static SentencePieceModel ReadNormalizer(Reader reader, SentencePieceModel model, out bool escapes)
    {
        escapes = true;
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 2: model = model with { CharacterMap = reader.Bytes() }; break;
                case 3: model = model with { DummyPrefix = reader.Int32() != 0 ? DummyPrefix.Always : DummyPrefix.Never }; break;
                case 4: model = model with { RemovesExtraSpaces = reader.Int32() != 0 }; break;
                case 5: escapes = reader.Int32() != 0; break;
                default: reader.Skip(); break;
            }
        }
        return model;
    }

    static bool HoldsMap(Reader reader)
    {
        bool holds = false;
        while (reader.Next())
        {
            if (reader.Field == 2) holds |= reader.Bytes().Length > 0;
            else reader.Skip();
        }
        return holds;
    }

    /// <summary>Protobuf's wire format: keys of number and kind, and values.</summary>
    struct Reader(ReadOnlyMemory<byte> bytes, string source)
    {
        int _position;
        int _kind;

        public int Field { get; private set; }

        public bool Next()
        {
            if (_position == bytes.Length) return false;
            ulong key = Varint();
            (Field, _kind) = ((int)Math.Min(key >> 3, int.MaxValue), (int)(key & 7));
            return Field > 0 && _kind is (0 or 1 or 2 or 5) ? true : throw Damaged($"a field {Field} of the kind {_kind}");
        }

        public int Int32()
        {
            Require(0);
            long value = (long)Varint();
            return value is >= int.MinValue and <= int.MaxValue ? (int)value : throw Damaged($"the field {Field} is {value}");
        }

        public float Float()
        {
            Require(5);
            return BinaryPrimitives.ReadSingleLittleEndian(Take(4).Span);
        }

        public ReadOnlyMemory<byte> Bytes()
        {
            Require(2);
            return Take(Varint());
        }

        public string Text()
        {
            var text = Bytes().Span;
            return Utf8.IsValid(text) ? Encoding.UTF8.GetString(text) : throw Damaged($"the field {Field} is not UTF-8");
        }

        public Reader Message() => new(Bytes(), source);

        public void Skip()
        {
            if (_kind == 0) Varint();
            else Take(_kind switch { 1 => 8, 5 => 4, _ => Varint() });
        }

        public readonly CheckpointException Damaged(string what) =>
            new($"'{source}' is no SentencePiece model, or damaged near its byte {_position}: {what}. Download the model again.");

        readonly void Require(int kind)
        {
            if (_kind != kind) throw Damaged($"the field {Field} is of the kind {_kind}, expected {kind}");
        }

        ReadOnlyMemory<byte> Take(ulong length)
        {
            if (length > (ulong)(bytes.Length - _position))
                throw Damaged($"the field {Field} claims {length} bytes and {bytes.Length - _position} are left");
            _position += (int)length;
            return bytes.Slice(_position - (int)length, (int)length);
        }

        ulong Varint()
        {
            ulong value = 0;
            var rest = bytes.Span[_position..];
            for (int i = 0; i < Math.Min(rest.Length, 10); i++)
            {
                value |= (ulong)(rest[i] & 127) << (7 * i);
                if (rest[i] >= 128) continue;
                _position += i + 1;
                return value;
            }
            throw Damaged("a number that does not end");
        }
    }
}
