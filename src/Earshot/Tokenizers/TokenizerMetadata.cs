namespace Earshot.Tokenizers;

/// <summary>What a GGUF file's metadata say about tokens, as arrays; <see cref="ToTokenizer"/> makes the tokenizer of them.</summary>
sealed record TokenizerMetadata
{
    /// <summary>The file, for messages.</summary>
    public required string Source { get; init; }

    /// <summary><c>tokenizer.ggml.model</c>: <c>gpt2</c> or <c>llama</c>.</summary>
    public required string Model { get; init; }

    /// <summary><c>tokenizer.ggml.pre</c>: how text is cut before it merges.</summary>
    public string? PreTokenizer { get; init; }

    public required IReadOnlyList<string> Tokens { get; init; }

    /// <summary>What each token is, by the numbers of <see cref="PieceType"/>; absent, all are normal.</summary>
    public IReadOnlyList<int>? TokenTypes { get; init; }

    public IReadOnlyList<float>? Scores { get; init; }

    /// <summary>"a b" each.</summary>
    public IReadOnlyList<string>? Merges { get; init; }

    public int? BeginToken { get; init; }

    public int? EndToken { get; init; }

    public int? UnknownToken { get; init; }

    public bool? AddsBeginToken { get; init; }

    public bool? AddsSpacePrefix { get; init; }

    public string? ChatTemplate { get; init; }

    /// <summary>The tokenizer.</summary>
    /// <param name="preTokenizer">Replaces the file's name for how text is cut, where that is missing or wrong.</param>
    /// <exception cref="CheckpointException">The arrays contradict each other, or name what is not implemented.</exception>
    public TextTokenizer ToTokenizer(string? preTokenizer = null)
    {
        if (Tokens.Count is 0 or > TokenizerVocabulary.MaxTokens) throw Damaged($"it has {Tokens.Count} tokens");
        if (TokenTypes is { } types && types.Count != Tokens.Count)
            throw Damaged($"it has {Tokens.Count} tokens and the types of {types.Count}");
        if (Scores is { } scores && scores.Count != Tokens.Count)
            throw Damaged($"it has {Tokens.Count} tokens and the scores of {scores.Count}");
        return Model switch
        {
            "gpt2" => BytePair(preTokenizer ?? PreTokenizer),
            "llama" => SentencePiece(),
            _ => throw Damaged($"its tokenizer.ggml.model is '{Model}'; gpt2 and llama are implemented"),
        };
    }

    BytePairTokenizer BytePair(string? name)
    {
        var splitter = (name is null ? null : TextSplitter.ByName(name)) ?? throw new CheckpointException(
            $"'{Source}' {(name is null or "default" ? "does not say" : $"says '{name}', which is not known, of")} how text is cut " +
            $"before it is merged (tokenizer.ggml.pre), and guessing would quietly give other tokens than those of the training. " +
            $"Known are {string.Join(", ", TextSplitter.Names)}: name the model's own, or convert the model again.");
        if (Merges is null) throw Damaged("it has no tokenizer.ggml.merges");
        var vocabulary = new TokenizerVocabulary(Source);
        for (int id = 0; id < Tokens.Count; id++) vocabulary.Add(Tokens[id], id);
        foreach (var merge in Merges)
            if (!vocabulary.TryAddMerge(merge)) throw Damaged("a merge is not two tokens with a space between them");
        var added = AddedTokens(PieceType.Control, PieceType.UserDefined, PieceType.Unknown);
        var pattern = splitter.Pattern;
        return new BytePairTokenizer(
            vocabulary.ToByteLevel(added, ignoreMerges: pattern == SplitPattern.Llama3), splitter,
            normalizes: pattern == SplitPattern.Qwen2, Settings(added, addsBegin: false));
    }

    SentencePieceTokenizer SentencePiece()
    {
        if (Scores is null) throw Damaged("it has no tokenizer.ggml.scores");
        var pieces = Tokens.Select((text, id) => new Piece(text, Scores[id], TypeOf(id))).ToList();
        var model = new SentencePieceModel
        {
            Source = Source,
            Pieces = pieces,
            ByteFallback = pieces.Any(piece => piece.Type == PieceType.Byte),
            UnknownToken = UnknownToken ?? 0,
            DummyPrefix = AddsSpacePrefix ?? true ? DummyPrefix.Always : DummyPrefix.Never,
            RemovesExtraSpaces = false,
        };
        return new SentencePieceTokenizer(model, Settings(AddedTokens(PieceType.Control), addsBegin: true));
    }

    List<AddedToken> AddedTokens(params PieceType[] types) =>
        [.. Tokens.Select((text, id) => (text, id)).Where(token => types.Contains(TypeOf(token.id)))
            .Select(token => new AddedToken(token.id, token.text, TypeOf(token.id) != PieceType.UserDefined))];

    TextTokenizerSettings Settings(List<AddedToken> added, bool addsBegin) => new()
    {
        Source = Source,
        AddedTokens = added,
        BeginToken = BeginToken,
        EndToken = EndToken,
        AddsBeginToken = AddsBeginToken ?? addsBegin,
        ChatTemplate = ChatTemplate,
    };

    PieceType TypeOf(int id) => TokenTypes is null ? PieceType.Normal : (PieceType)TokenTypes[id];

    CheckpointException Damaged(string what) => new($"'{Source}': {what}. Convert or download the model again.");
}
