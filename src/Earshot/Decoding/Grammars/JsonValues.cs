namespace Earshot.Decoding.Grammars;

/// <summary>The program of any JSON value.</summary>
sealed class JsonValues(GrammarBuilder builder)
{
    GrammarRule? _rule;

    public GrammarNode Value(GrammarNode next, int depth) => builder.Call(Rule, next, depth);

    public GrammarNode Object(GrammarNode next, int depth) => Object(JsonTexts.String, inner => Value(inner, depth + 1), next, depth);

    /// <summary>An object of any keys.</summary>
    public GrammarNode Object(Dfa key, Func<GrammarNode, GrammarNode> value, GrammarNode next, int depth) =>
        builder.Literal("{", Members(key, value, builder.Literal("}", next, depth + 1), depth + 1, isFirst: true), depth + 1);

    /// <summary>Any number of keys and values, then what closes them.</summary>
    public GrammarNode Members(Dfa key, Func<GrammarNode, GrammarNode> value, GrammarNode close, int depth, bool isFirst)
    {
        var more = builder.Split(close, close);
        var member = builder.Match(key, builder.Literal(builder.Colon, value(more), depth), depth);
        more.Branches[1] = builder.Literal(builder.Comma, member, depth);
        return isFirst ? builder.Split(close, member) : more;
    }

    /// <summary>An array of a rule's values; null for no limit.</summary>
    public GrammarNode Array(GrammarRule item, int least, int? most, GrammarNode next, int depth)
    {
        depth++;
        var close = builder.Literal("]", next, depth);
        if (most == 0) return builder.Literal("[", close, depth);
        int last = most ?? Math.Max(least, 1);
        GrammarNode after;
        if (most is null)
        {
            after = builder.Split(close, close);
            after.Branches[1] = builder.Literal(builder.Comma, builder.Call(item, after, depth), depth);
        }
        else after = close;
        for (int count = last - 1; count >= 1; count--)
        {
            var more = builder.Literal(builder.Comma, builder.Call(item, after, depth), depth);
            after = count >= least ? builder.Split(close, more) : more;
        }
        var first = builder.Call(item, after, depth);
        return builder.Literal("[", least == 0 ? builder.Split(close, first) : first, depth);
    }

    GrammarRule Rule
    {
        get
        {
            if (_rule is not null) return _rule;
            _rule = new GrammarRule();
            var end = builder.Return;
            _rule.Entry = builder.Split(
                builder.Match(JsonTexts.String, end, 0), builder.Match(JsonTexts.Number, end, 0), builder.Match(JsonTexts.Boolean, end, 0),
                builder.Match(JsonTexts.Null, end, 0), Object(end, 0), Array(_rule, 0, null, end, 0));
            return _rule;
        }
    }
}
