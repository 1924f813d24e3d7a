using System.Text;
using Earshot.Tokenizers;

namespace Earshot.Chat;

/// <summary>
/// A chat as a model reads it: text in which what the format wrote is told from what people, tools and the model wrote, so that special
/// tokens in theirs stay text.
/// </summary>
public sealed class ChatPrompt
{
    readonly List<(string Text, bool IsMarkup)> _pieces = [];

    internal ChatPrompt() { }

    /// <summary>The whole text, as the model's own template writes it.</summary>
    public string Text => string.Concat(_pieces.Select(piece => piece.Text));

    /// <summary>Whether the model's answer begins inside of its thoughts, which the prompt has opened.</summary>
    public bool OpensReasoning { get; internal set; }

    internal IReadOnlyList<(string Text, bool IsMarkup)> Pieces => _pieces;

    /// <summary>
    /// The tokens. Added tokens are recognised in what the format wrote only; what is between them is encoded as one text, so that the
    /// tokens are those of the whole text where nobody wrote special ones. Begins with the model's begin token once, if format or tokenizer
    /// ask.
    /// </summary>
    public int[] Encode(TextTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var ids = new List<int>();
        var run = new StringBuilder();
        foreach (var (text, isMarkup) in _pieces)
        {
            if (!isMarkup) run.Append(text);
            else tokenizer.SplitAddedTokens(text, part => run.Append(part), token => EndRun(token.Id));
        }
        EndRun(null);
        if (tokenizer is { AddsBeginToken: true, BeginToken: { } begin } && (ids.Count == 0 || ids[0] != begin)) ids.Insert(0, begin);
        return [.. ids];

        void EndRun(int? token)
        {
            if (run.Length > 0) tokenizer.EncodeText(tokenizer.Normalize(run.ToString()), ids.Count == 0, ids);
            run.Clear();
            if (token is { } id) ids.Add(id);
        }
    }

    internal ChatPrompt Markup(string text) => Add(text, isMarkup: true);

    internal ChatPrompt Content(string text) => Add(text, isMarkup: false);

    ChatPrompt Add(string text, bool isMarkup)
    {
        if (text.Length > 0) _pieces.Add((text, isMarkup));
        return this;
    }
}
