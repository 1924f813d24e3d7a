using System.Globalization;
using System.Text;

namespace Earshot.Tokenizers;

/// <summary>SentencePiece's tokenizers (arXiv:1808.06226), byte-pair encoding and unigram, with or without a token for each byte.</summary>
sealed class SentencePieceTokenizer : TextTokenizer
{
    readonly SentencePieceModel _model;
    readonly SentencePieceNormalizer _normalizer;
    readonly ISegmenter _segmenter;
    readonly byte[][] _bytes;
    readonly int[] _tokenOfByte = new int[256];

    /// <exception cref="CheckpointException">The model is damaged.</exception>
    public SentencePieceTokenizer(SentencePieceModel model, TextTokenizerSettings settings) : base(settings, model.Pieces.Count)
    {
        model.Validate();
        _model = model;
        var userDefined = new ByteTrie();
        _bytes = new byte[model.Pieces.Count][];
        Array.Fill(_tokenOfByte, -1);
        for (int id = 0; id < _bytes.Length; id++)
        {
            var piece = model.Pieces[id];
            if (piece.Type == PieceType.UserDefined) userDefined.Add(Encoding.UTF8.GetBytes(piece.Text), id);
            _bytes[id] = piece.Type switch
            {
                PieceType.Byte => [ByteOf(piece, id)],
                PieceType.Unknown => Encoding.UTF8.GetBytes(model.UnknownSurface),
                _ => Encoding.UTF8.GetBytes(piece.Text.Replace(SentencePieceModel.Space, " ", StringComparison.Ordinal)),
            };
            if (piece.Type == PieceType.Byte) _tokenOfByte[_bytes[id][0]] = id;
        }
        int missing = model.ByteFallback ? Array.IndexOf(_tokenOfByte, -1) : -1;
        if (missing >= 0) throw model.Damaged($"it has no piece <0x{missing:X2}>, which falling back to bytes needs");
        _normalizer = new SentencePieceNormalizer(model, userDefined);
        _segmenter = model.IsUnigram ? new UnigramSegmenter(model) : new MergeSegmenter(model, userDefined);
    }

    internal override LeadingSpaces LeadingSpaces => _model.RemovesExtraSpaces
        ? LeadingSpaces.Dropped
        : _model.DummyPrefix == DummyPrefix.Never ? LeadingSpaces.Kept : LeadingSpaces.OneDropped;

    internal override bool ReplacesEachByte => true;

    /// <summary>Settings of a model whose special tokens are its control pieces.</summary>
    public static TextTokenizerSettings SettingsOf(SentencePieceModel model) => new()
    {
        Source = model.Source,
        AddedTokens = [.. model.Pieces.Index().Where(piece => piece.Item.Type == PieceType.Control)
            .Select(piece => new AddedToken(piece.Index, piece.Item.Text, IsSpecial: true)).DistinctBy(token => token.Text)],
        BeginToken = model.BeginToken < 0 ? null : model.BeginToken,
        EndToken = model.EndToken < 0 ? null : model.EndToken,
        AddsBeginToken = model.BeginToken >= 0,
    };

    internal override bool MayLead(int id) =>
        id < _model.Pieces.Count && _model.Pieces[id].Type is not (PieceType.Byte or PieceType.Unknown);

    internal override void EncodeText(string text, bool isFirst, List<int> ids)
    {
        var normalized = _normalizer.Normalize(text, isFirst).ToArray();
        bool afterUnknown = false;
        _segmenter.Segment(normalized, (start, end, id) =>
        {
            if (id < 0 && _model.ByteFallback)
            {
                foreach (byte b in normalized.AsSpan(start, end - start)) ids.Add(_tokenOfByte[b]);
            }
            // Neighbouring unknown characters are one unknown piece.
            else if (id >= 0 || !afterUnknown)
            {
                ids.Add(id < 0 ? _model.UnknownToken : id);
            }
            afterUnknown = id < 0;
        });
    }

    private protected override ReadOnlySpan<byte> ModelTokenBytes(int id) => id < _bytes.Length ? _bytes[id] : [];

    byte ByteOf(Piece piece, int id) =>
        piece.Text is ['<', '0', 'x', _, _, '>'] && byte.TryParse(piece.Text.AsSpan(3, 2), NumberStyles.HexNumber, null, out byte value)
            ? value
            : throw _model.Damaged($"the piece {id} is for a byte, but written '{piece.Text}'; expected <0x00> to <0xFF>");
}
