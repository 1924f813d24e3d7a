namespace Earshot.Decoding.Grammars;

/// <summary>A part of a regular expression.</summary>
abstract record RegexNode
{
    /// <summary>Adds it behind a state; gives the state after it.</summary>
    public abstract int Emit(ByteNfa nfa, int from);
}

/// <summary>One character of a set of ranges, which may overlap.</summary>
sealed record CharacterSet(IReadOnlyList<(int Low, int High)> Ranges) : RegexNode
{
    public const int Last = 0x10FFFF;

    public static CharacterSet Any { get; } = new([(0, Last)]);

    public CharacterSet Inverse()
    {
        var inverse = new List<(int, int)>();
        int next = 0;
        foreach (var (low, high) in Ranges.OrderBy(range => range.Low))
        {
            if (low > next) inverse.Add((next, low - 1));
            next = Math.Max(next, high + 1);
        }
        if (next <= Last) inverse.Add((next, Last));
        return new(inverse);
    }

    public override int Emit(ByteNfa nfa, int from)
    {
        int to = nfa.Add();
        foreach (var (low, high) in Ranges) nfa.ConnectCharacters(from, low, high, to);
        return to;
    }
}

sealed record Sequence(IReadOnlyList<RegexNode> Parts) : RegexNode
{
    public override int Emit(ByteNfa nfa, int from)
    {
        nfa.Budget.Spend(1);
        foreach (var part in Parts) from = part.Emit(nfa, from);
        return from;
    }
}

sealed record Alternatives(IReadOnlyList<RegexNode> Branches) : RegexNode
{
    public override int Emit(ByteNfa nfa, int from)
    {
        int to = nfa.Add();
        foreach (var branch in Branches) nfa.Jump(branch.Emit(nfa, from), to);
        return to;
    }
}

/// <summary>A part at least and at most so many times; null for no limit.</summary>
sealed record Repeated(RegexNode Part, int Least, int? Most) : RegexNode
{
    public override int Emit(ByteNfa nfa, int from)
    {
        nfa.Budget.Spend(1);
        for (int i = 0; i < Least; i++) from = Part.Emit(nfa, from);
        if (Most is { } most)
        {
            int end = nfa.Add();
            for (int i = Least; i < most; i++)
            {
                nfa.Jump(from, end);
                from = Part.Emit(nfa, from);
            }
            nfa.Jump(from, end);
            return end;
        }
        int loop = nfa.Add();
        nfa.Jump(from, loop);
        nfa.Jump(Part.Emit(nfa, loop), loop);
        // A state of its own, so that nothing behind leads back into the loop.
        int after = nfa.Add();
        nfa.Jump(loop, after);
        return after;
    }
}
