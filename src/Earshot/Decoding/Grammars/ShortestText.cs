namespace Earshot.Decoding.Grammars;

/// <summary>The shortest text that completes a state.</summary>
static class ShortestText
{
    public static byte[] Of(GrammarState state)
    {
        if (state.IsComplete) return [];
        var text = new List<byte>();
        var thread = state.Threads.MinBy(candidate => candidate.Bytes)!;
        Match(thread.Dfa, thread.State, text);
        Write(thread.Node.Next!, text);
        for (var frame = thread.Frame; frame.Returns.Count > 0;)
        {
            var back = frame.Returns.MinBy(candidate => candidate.Next.Bytes + candidate.Frame.Rest);
            Write(back.Next, text);
            frame = back.Frame;
        }
        return [.. text];
    }

    static void Match(Dfa dfa, int state, List<byte> text)
    {
        while (!dfa.IsAccepting(state))
        {
            byte b = dfa.Way(state);
            text.Add(b);
            state = dfa.Next(state, b);
        }
    }

    /// <summary>From a point to the end of its rule.</summary>
    static void Write(GrammarNode? from, List<byte> text)
    {
        var work = new Stack<GrammarNode>();
        while (from is not null || work.TryPop(out from))
        {
            var node = from;
            from = node.Kind == GrammarNodeKind.Split ? node.Best : node.Next;
            if (node.Kind == GrammarNodeKind.Match) Match(node.Dfa!, 0, text);
            if (node.Kind != GrammarNodeKind.Call) continue;
            work.Push(node.Next!);
            from = node.Rule!.Entry;
        }
    }
}
