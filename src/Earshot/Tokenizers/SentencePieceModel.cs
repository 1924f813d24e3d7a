namespace Earshot.Tokenizers;

/// <summary>What a piece is; the numbers are those of SentencePiece's files and of GGUF.</summary>
enum PieceType { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 }

/// <summary>A piece of a SentencePiece vocabulary: its text with ▁ for spaces, its score, what it is. Its place is its id.</summary>
readonly record struct Piece(string Text, float Score, PieceType Type);

/// <summary>Before which texts ▁ is put: none, those that nothing comes before, or each between two special tokens.</summary>
enum DummyPrefix { Never, First, Always }

/// <summary>What a SentencePiece model says, from whichever file.</summary>
sealed record SentencePieceModel
{
    /// <summary>How spaces are written.</summary>
    public const string Space = "▁";

    /// <summary>More pieces than any vocabulary has.</summary>
    public const int MaxPieces = 1 << 22;

    /// <summary>The longest piece, in UTF-8 bytes; trainers make them of 16 characters. Looking at all cuts takes its square.</summary>
    public const int MaxPieceLength = 256;

    /// <summary>The file, for messages.</summary>
    public required string Source { get; init; }

    public required IReadOnlyList<Piece> Pieces { get; init; }

    public bool IsUnigram { get; init; }

    /// <summary>Pairs of ids in order and what each gives, where they are listed; else they follow from the scores.</summary>
    public IReadOnlyList<(int Left, int Right, int Merged)>? Merges { get; init; }

    public bool ByteFallback { get; init; }

    public int UnknownToken { get; init; }

    public int BeginToken { get; init; } = -1;

    public int EndToken { get; init; } = -1;

    /// <summary>What an unknown piece is decoded as.</summary>
    public string UnknownSurface { get; init; } = " ⁇ ";

    public ReadOnlyMemory<byte> CharacterMap { get; init; }

    public DummyPrefix DummyPrefix { get; init; } = DummyPrefix.Always;

    public bool RemovesExtraSpaces { get; init; } = true;

    public CheckpointException Damaged(string what) => new($"'{Source}': {what}. Download the model again.");

    /// <summary>Checks what all the rest relies on.</summary>
    /// <exception cref="CheckpointException">A piece cannot be, or a role's id is none.</exception>
    public void Validate()
    {
        if (Pieces.Count is 0 or > MaxPieces) throw Damaged($"it has {Pieces.Count} pieces; expected 1 to {MaxPieces}");
        for (int id = 0; id < Pieces.Count; id++)
        {
            var piece = Pieces[id];
            if (piece.Text.Length == 0 && piece.Type != PieceType.Unused) throw Damaged($"the piece {id} is empty");
            if (System.Text.Encoding.UTF8.GetByteCount(piece.Text) > MaxPieceLength)
                throw Damaged($"the piece {id} is longer than {MaxPieceLength} bytes");
            if (!float.IsFinite(piece.Score)) throw Damaged($"the score of the piece {id} is no finite number");
            if (!Enum.IsDefined(piece.Type)) throw Damaged($"the piece {id} is of the type {(int)piece.Type}; expected 1 to 6");
        }
        if (UnknownToken < 0 || UnknownToken >= Pieces.Count)
            throw Damaged($"the id of the unknown piece is {UnknownToken}, of {Pieces.Count} pieces");
        foreach (int id in (ReadOnlySpan<int>)[BeginToken, EndToken])
            if (id < -1 || id >= Pieces.Count) throw Damaged($"the piece that begins or ends a text is {id}, of {Pieces.Count} pieces");
    }
}
