using Earshot.Chat;
using Earshot.Decoding.Grammars;
using Earshot.Tokenizers;

namespace Earshot.TextGeneration;

/// <summary>
/// Holds one answer to its rules, token by token: where it thinks, where it calls a tool, what must be written without asking the model,
/// and what may be. Thoughts are free up to their limit, then closed; what follows is of the text's grammar, calls are of theirs. Not for
/// several threads at once.
/// </summary>
sealed class AnswerGuide
{
    // What closes a thought and separates it from the answer, as Qwen3 writes it.
    const string OpensThought = "<think>\n", ClosesThought = "\n</think>\n\n", ThoughtEnd = "</think>", BehindThought = "\n\n";

    readonly AnswerRules _rules;
    readonly TextTokenizer _tokenizer;
    readonly Lazy<GrammarVocabulary> _vocabulary;
    readonly IReadOnlySet<int> _ends;
    readonly (int Room, int Most) _limits;
    readonly StreamingTextDecoder _decoder;
    readonly Queue<int> _forced = new();
    // Of a bare call's beginning, which is one only once it is written.
    readonly List<int> _beginning = [];
    readonly int[] _closing;
    readonly int? _callToken;
    readonly int _thoughtLimit;
    string _text = "";
    bool _mayBegin = true;
    GrammarConstraint? _constraint;
    Place _place;
    Place _behindForced;

    enum Place { Undecided, Thought, Forced, BehindThought, Free, Text, Call, Over }

    /// <param name="limits">The most tokens that the context has room for, and that the answer may have.</param>
    /// <exception cref="ModelException">The limits are below the shortest answer, or the vocabulary cannot write it.</exception>
    public AnswerGuide(
        AnswerRules rules, TextTokenizer tokenizer, (IReadOnlySet<int> Ends, Lazy<GrammarVocabulary> Vocabulary) tokens,
        (int Room, int Most) limits)
    {
        (_rules, _tokenizer, _ends, _vocabulary, _limits) = (rules, tokenizer, tokens.Ends, tokens.Vocabulary, limits);
        _decoder = new StreamingTextDecoder(tokenizer, keepSpecialTokens: true);
        _closing = tokenizer.EncodeWithAddedTokens(ClosesThought);
        _callToken = rules.Calls == ToolCallSyntax.Tagged ? tokenizer.FindAddedToken(ChatAnswerParser.OpenCall) : null;
        int most = Math.Min(limits.Room, limits.Most);
        MaxTokens = rules.MaxThoughtTokens is null ? most : limits.Room;
        _thoughtLimit = rules.Thought == ThoughtHabit.None ? 0 : ThoughtLimit(most);
        // A text's own constraint refuses a limit below it; calls go on beyond theirs once they are begun.
        if (rules is { Thought: ThoughtHabit.None, MustCall: true }) LeastAnswer(most);
        Begin();
    }

    /// <summary>The most tokens of thought and answer together, as far as it is known.</summary>
    public int MaxTokens { get; private set; }

    /// <summary>How many tokens were accepted.</summary>
    public int Count { get; private set; }

    /// <summary>How many of them are of a thought, marks included.</summary>
    public int ThoughtTokens { get; private set; }

    /// <summary>Whether nothing may follow.</summary>
    public bool IsOver => _place == Place.Over;

    bool IsRestricted => _rules.Text is not null || _rules.MustCall;

    /// <summary>The token that has to follow; null where the model is asked.</summary>
    public int? Forced
    {
        get
        {
            if (_forced.Count == 0 && _constraint is not null && _place is Place.Text or Place.Call && !MayCall)
                foreach (int token in _constraint.ForcedTokens()) _forced.Enqueue(token);
            return _forced.TryPeek(out int next) ? next : null;
        }
    }

    /// <summary>For guesses of a draft: a grammar that goes its own way, or null where nothing is held to one.</summary>
    public GrammarConstraint? Fork() => _place is Place.Text or Place.Call ? _constraint?.Fork() : null;

    /// <summary>Sets the logits of tokens that may not follow to negative infinity.</summary>
    public void Restrict(Span<float> logits)
    {
        switch (_place)
        {
            case Place.Text or Place.Call:
                float call = MayCall ? logits[_callToken!.Value] : float.NegativeInfinity;
                _constraint!.Apply(logits);
                if (MayCall) logits[_callToken!.Value] = call;
                break;
            // What ends inside of a thought has no answer.
            case Place.Thought or Place.Undecided when IsRestricted:
                foreach (int end in _ends) logits[end] = float.NegativeInfinity;
                break;
        }
    }

    /// <summary>Goes on by a token.</summary>
    public void Accept(int token)
    {
        Count++;
        if (_place is Place.Thought or Place.Undecided || _place == Place.Forced && _behindForced is Place.Thought or Place.BehindThought)
            ThoughtTokens++;
        if (_forced.Count > 0) _forced.Dequeue();
        if (_place == Place.Forced)
        {
            if (_forced.Count == 0) Enter(_behindForced);
            return;
        }
        if (_place is Place.Text or Place.Call) AcceptHeld(token);
        else if (!_ends.Contains(token)) AcceptFree(token);
    }

    void Begin()
    {
        if (_rules.Thought == ThoughtHabit.Open) Enter(Place.Thought);
        else if (_rules.Thought == ThoughtHabit.None) Enter(Place.BehindThought);
        // A model that may think does, before it is held to anything.
        else if (IsRestricted) Force(OpensThought, Place.Thought);
        else Enter(Place.Undecided);
    }

    void Force(string markup, Place next)
    {
        foreach (int token in _tokenizer.EncodeWithAddedTokens(markup)) _forced.Enqueue(token);
        (_place, _behindForced) = (Place.Forced, next);
    }

    void Enter(Place place)
    {
        (_place, _constraint, _text) = (place, null, "");
        _beginning.Clear();
        switch (place)
        {
            case Place.Thought when _thoughtLimit == 0: Force(ClosesThought, Place.BehindThought); break;
            case Place.BehindThought: BeginAnswer(); break;
            case Place.Call: BeginCall(); break;
        }
    }

    void BeginAnswer()
    {
        if (_rules.MaxThoughtTokens is not null) MaxTokens = Math.Min(_limits.Room, Count + _limits.Most);
        if (_rules.MustCall && _rules.Calls == ToolCallSyntax.Tagged) Force(ChatAnswerParser.OpenCall, Place.Call);
        else if (_rules.MustCall) Enter(Place.Call);
        else if (_rules.Text is { } text)
        {
            _place = Place.Text;
            _constraint = new GrammarConstraint(text, _vocabulary.Value, MaxTokens - Count);
        }
        else _place = Place.Free;
    }

    void BeginCall()
    {
        int left = MaxTokens - Count - 1;
        var free = new GrammarConstraint(_rules.Call!, _vocabulary.Value);
        // A call that the limit cuts is cut whatever is done; one that has room is whole.
        _constraint = free.MinimumTokens <= left ? new GrammarConstraint(_rules.Call!, _vocabulary.Value, left) : free;
    }

    bool MayCall => _place == Place.Text && _callToken is not null && _constraint!.Length == 0;

    void AcceptHeld(int token)
    {
        if (MayCall && token == _callToken)
        {
            Enter(Place.Call);
            return;
        }
        if (!_constraint!.TryAccept(token))
            throw new InvalidOperationException($"Token {token} was chosen where the grammar does not allow it.");
        if (!_constraint.IsOver || _forced.Count > 0) return;
        if (_place == Place.Text || _rules.Calls == ToolCallSyntax.Bare) _place = Place.Over;
        else Force(ChatAnswerParser.CloseCall, _rules.AllowsSeveralCalls ? Place.Free : Place.Over);
    }

    void AcceptFree(int token)
    {
        var piece = _decoder.Append(token);
        _text += piece;
        switch (_place)
        {
            case Place.Undecided: Decide(); break;
            case Place.Thought: Think(); break;
            case Place.Free when _rules.Calls == ToolCallSyntax.Tagged: WatchTag(); break;
            case Place.Free when _rules.Calls == ToolCallSyntax.Bare && _mayBegin: WatchObject(token); break;
            default: _text = ""; break;
        }
    }

    /// <summary>Whether what has begun is a thought.</summary>
    void Decide()
    {
        var begun = _text.AsSpan().TrimStart();
        if (begun.StartsWith(ChatAnswerParser.OpenThought, StringComparison.Ordinal)) Enter(Place.Thought);
        else if (!ChatAnswerParser.OpenThought.AsSpan().StartsWith(begun, StringComparison.Ordinal))
        {
            var text = _text;
            ThoughtTokens = 0;
            BeginAnswer();
            if (_place != Place.Free) return;
            _text = text;
            if (_rules.Calls == ToolCallSyntax.Tagged) WatchTag();
        }
    }

    void Think()
    {
        if (_text.Contains(ThoughtEnd, StringComparison.Ordinal))
        {
            if (IsRestricted) Force(BehindThought, Place.BehindThought);
            else Enter(Place.BehindThought);
            return;
        }
        if (_text.Length > ThoughtEnd.Length) _text = _text[^ThoughtEnd.Length..];
        if (ThoughtTokens >= _thoughtLimit && (IsRestricted || _rules.MaxThoughtTokens is not null))
            Force(ClosesThought, Place.BehindThought);
    }

    void WatchTag()
    {
        if (_text.EndsWith(ChatAnswerParser.OpenCall, StringComparison.Ordinal)) Enter(Place.Call);
        else if (_text.Length > ChatAnswerParser.OpenCall.Length) _text = _text[^ChatAnswerParser.OpenCall.Length..];
    }

    /// <summary>An answer that begins as a call does is one; it is held to a call's grammar from its beginning.</summary>
    void WatchObject(int token)
    {
        _beginning.Add(token);
        const string begun = "{\"name\"";
        var text = _text.AsSpan();
        if (begun.AsSpan().StartsWith(text, StringComparison.Ordinal) && text.Length < begun.Length) return;
        if (text.StartsWith(begun, StringComparison.Ordinal))
        {
            BeginCall();
            if (_beginning.TrueForAll(_constraint!.TryAccept))
            {
                _place = Place.Call;
                return;
            }
        }
        // An answer of another kind: nothing more is looked for.
        (_mayBegin, _constraint, _text) = (false, null, "");
    }

    /// <exception cref="ModelException">There is no room for a thought and an answer.</exception>
    int ThoughtLimit(int most)
    {
        int least = LeastAnswer(most);
        int room = most == _limits.Room || _rules.MaxThoughtTokens is null ? most - least : _limits.Room - _limits.Most;
        int limit = Math.Min(_rules.MaxThoughtTokens ?? int.MaxValue, room - _closing.Length);
        return limit >= 0 || !IsRestricted ? limit : throw new ModelException(
            $"The limit of {most} tokens has no room for a thought and the {least} tokens of the shortest answer. " +
            "Raise it, or switch thinking off.");
    }

    int LeastAnswer(int most)
    {
        if (_rules.Text is { } text) return new GrammarConstraint(text, _vocabulary.Value, most).MinimumTokens;
        // The call, its marks, and the end.
        return _rules.MustCall ? new GrammarConstraint(_rules.Call!, _vocabulary.Value, most).MinimumTokens + 3 : 1;
    }
}
