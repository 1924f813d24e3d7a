namespace Earshot.Decoding.Grammars;

/// <summary>A call of a rule: where it goes on afterwards. Calls of one rule at one place share it, so that ambiguous texts stay
/// small.</summary>
sealed class GrammarFrame(int depth)
{
    readonly List<(GrammarNode Next, GrammarFrame Frame)> _returns = [];
    readonly List<(GrammarNode Next, GrammarState State)> _continuations = [];
    int _rest = -1;

    /// <summary>How many objects and arrays are open around the rule.</summary>
    public int Depth => depth;

    public IReadOnlyList<(GrammarNode Next, GrammarFrame Frame)> Returns => _returns;

    /// <summary>The fewest bytes from the rule's end to the text's. Asked for once all callers are known.</summary>
    public int Rest => _rest >= 0 ? _rest
        : _rest = _returns.Count == 0 ? 0 : _returns.Min(back => Math.Min(back.Next.Bytes + back.Frame.Rest, GrammarNode.Infinite));

    public void Add(GrammarNode next, GrammarFrame frame) => _returns.Add((next, frame));

    /// <summary>What may begin at a point of the rule.</summary>
    public GrammarState After(GrammarNode next)
    {
        foreach (var (known, state) in _continuations)
            if (ReferenceEquals(known, next)) return state;
        var made = GrammarState.At([(next, this)]);
        _continuations.Add((next, made));
        return made;
    }
}

/// <summary>A way in which a text may be read: inside of what a point matches, in a call.</summary>
sealed class GrammarThread(GrammarNode node, int state, GrammarFrame frame)
{
    public GrammarNode Node => node;

    public Dfa Dfa => node.Dfa!;

    public int State => state;

    public GrammarFrame Frame => frame;

    /// <summary>The fewest bytes from the end of the match to that of the text.</summary>
    public int Rest { get; } = node.Next!.Bytes + frame.Rest;

    public int Bytes => Dfa.Distance(state) + Rest;

    public bool IsAccepting => Dfa.IsAccepting(state);

    /// <summary>What may begin behind the match.</summary>
    public GrammarState After => frame.After(node.Next!);

    public bool IsSame(GrammarNode otherNode, int otherState, GrammarFrame otherFrame) =>
        ReferenceEquals(node, otherNode) && state == otherState && ReferenceEquals(frame, otherFrame);
}

/// <summary>All ways in which a text so far may be read. Immutable but for what it remembers; not for several threads at once.</summary>
sealed class GrammarState
{
    readonly List<GrammarThread> _threads = [];
    readonly bool _isEnd;
    bool? _isComplete;
    GrammarState? _after;

    GrammarState(bool isEnd) => _isEnd = isEnd;

    public IReadOnlyList<GrammarThread> Threads => _threads;

    /// <summary>Whether the text may end here.</summary>
    public bool IsComplete => _isComplete ??= _isEnd || After is { IsComplete: true };

    /// <summary>What may begin here, behind all matches that may end here, whose calls are shared; null where none may.</summary>
    public GrammarState? After
    {
        get
        {
            if (_after is null && _threads.Exists(thread => thread.IsAccepting))
                _after = At([.. _threads.Where(thread => thread.IsAccepting).Select(thread => (thread.Node.Next!, thread.Frame))]);
            return _after;
        }
    }

    /// <summary>The fewest bytes to the end.</summary>
    public int Bytes => IsComplete ? 0 : _threads.Min(thread => thread.Bytes);

    public static GrammarState Start(Grammar grammar) => At([(grammar.Start, new GrammarFrame(0))]);

    /// <summary>What may begin at points in calls.</summary>
    public static GrammarState At(ReadOnlySpan<(GrammarNode Node, GrammarFrame Frame)> points)
    {
        var seen = new HashSet<(GrammarNode, GrammarFrame)>();
        var frames = new Dictionary<(GrammarRule, int), GrammarFrame>();
        var work = new Stack<(GrammarNode Node, GrammarFrame Frame)>();
        var matches = new List<(GrammarNode Node, GrammarFrame Frame)>();
        bool isEnd = false;
        foreach (var point in points) work.Push(point);
        while (work.TryPop(out var at))
        {
            // What can end only deeper than parsers go is not begun.
            if (at.Node.Bytes >= GrammarNode.Infinite || at.Frame.Depth + at.Node.Height > GrammarBuilder.MaxDepth
                || !seen.Add(at)) continue;
            switch (at.Node.Kind)
            {
                case GrammarNodeKind.Match: matches.Add(at); break;
                case GrammarNodeKind.Split:
                    for (int i = at.Node.Branches.Count - 1; i >= 0; i--) work.Push((at.Node.Branches[i], at.Frame));
                    break;
                case GrammarNodeKind.Call: Call(at.Node, at.Frame, frames, work); break;
                default:
                    isEnd |= at.Frame.Returns.Count == 0;
                    foreach (var back in at.Frame.Returns) work.Push(back);
                    break;
            }
        }
        var state = new GrammarState(isEnd);
        foreach (var (match, inside) in matches) state._threads.Add(new(match, 0, inside));
        return state;
    }

    /// <summary>The state after one more byte; null where it may not follow.</summary>
    public GrammarState? Next(byte b)
    {
        var next = new GrammarState(isEnd: false);
        HashSet<(GrammarNode, int, GrammarFrame)>? many = null;
        for (var state = this; state is not null; state = state.After) state.Advance(b, next, ref many);
        return next._threads.Count == 0 ? null : next;
    }

    /// <summary>The bytes that may follow, some perhaps more than once; at most two of each way.</summary>
    public IEnumerable<byte> NextBytes()
    {
        for (var state = this; state is not null; state = state.After)
            foreach (var thread in state._threads)
                foreach (byte b in thread.Dfa.FirstBytes(thread.State)) yield return b;
    }

    static void Call(
        GrammarNode call, GrammarFrame frame, Dictionary<(GrammarRule, int), GrammarFrame> frames, Stack<(GrammarNode, GrammarFrame)> work)
    {
        var rule = call.Rule!;
        if (call.Next!.Kind == GrammarNodeKind.Return && call.Depth == 0)
        {
            // Nothing is left to do afterwards.
            work.Push((rule.Entry, frame));
            return;
        }
        int depth = frame.Depth + call.Depth;
        if (!frames.TryGetValue((rule, depth), out var inside))
        {
            frames[(rule, depth)] = inside = new GrammarFrame(depth);
            work.Push((rule.Entry, inside));
        }
        inside.Add(call.Next, frame);
    }

    void Advance(byte b, GrammarState next, ref HashSet<(GrammarNode, int, GrammarFrame)>? many)
    {
        foreach (var thread in _threads)
        {
            int state = thread.Dfa.Next(thread.State, b);
            if (state >= 0) next.AddOnce(thread.Node, state, thread.Frame, ref many);
        }
    }

    void AddOnce(GrammarNode node, int state, GrammarFrame frame, ref HashSet<(GrammarNode, int, GrammarFrame)>? many)
    {
        if (_threads.Count < 8)
        {
            foreach (var thread in _threads)
                if (thread.IsSame(node, state, frame)) return;
        }
        else
        {
            many ??= [.. _threads.Select(thread => (thread.Node, thread.State, thread.Frame))];
            if (!many.Add((node, state, frame))) return;
        }
        _threads.Add(new(node, state, frame));
    }
}
