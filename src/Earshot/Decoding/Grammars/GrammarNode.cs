using System.Text.Json;
using Earshot.Chat;

namespace Earshot.Decoding.Grammars;

enum GrammarNodeKind : byte { Match, Call, Split, Return }

/// <summary>A point of a grammar's program: what may be written from here to the end of its rule.</summary>
sealed class GrammarNode
{
    /// <summary>More than any text can be.</summary>
    public const int Infinite = int.MaxValue / 4;

    public required GrammarNodeKind Kind { get; init; }

    /// <summary>What a match reads.</summary>
    public Dfa? Dfa { get; init; }

    /// <summary>What a call goes through first.</summary>
    public GrammarRule? Rule { get; init; }

    /// <summary>What comes after a match or a call.</summary>
    public GrammarNode? Next { get; init; }

    public List<GrammarNode> Branches { get; } = [];

    /// <summary>How many objects and arrays of the same rule are open here.</summary>
    public int Depth { get; init; }

    /// <summary>The fewest bytes from here to the end of the rule.</summary>
    public int Bytes { get; private set; } = Infinite;

    /// <summary>How deep objects and arrays of the rule get on that way.</summary>
    public int Height { get; private set; } = Infinite;

    /// <summary>The branch on the shortest way.</summary>
    public GrammarNode Best => Branches.MinBy(branch => (branch.Bytes, branch.Height))!;

    /// <summary>Looks again how short the way is; whether it has become shorter.</summary>
    public bool Shorten()
    {
        var (bytes, height) = Kind switch
        {
            GrammarNodeKind.Return => (0, 0),
            GrammarNodeKind.Match => (Dfa!.Shortest + Next!.Bytes, Math.Max(Depth, Next.Height)),
            GrammarNodeKind.Call => (Rule!.Entry.Bytes + Next!.Bytes, Math.Max(Depth + Rule.Entry.Height, Next.Height)),
            _ => Branches.Min(branch => (branch.Bytes, branch.Height)),
        };
        if (bytes >= Infinite || (bytes, height).CompareTo((Bytes, Height)) >= 0) return false;
        (Bytes, Height) = (bytes, height);
        return true;
    }
}

/// <summary>A part of a grammar that is called from several places, itself among them.</summary>
sealed class GrammarRule
{
    GrammarNode? _entry;

    public GrammarNode Entry
    {
        get => _entry ?? throw new InvalidOperationException("The rule was never written.");
        set => _entry = value;
    }
}

/// <summary>Puts a grammar's program together, from the end to the beginning.</summary>
/// <param name="isSpaced">Whether a space follows commas and colons between JSON's values, as in the calls that models were trained
/// on.</param>
sealed class GrammarBuilder(bool isSpaced = false)
{
    /// <summary>Parsers of JSON stop at 64 objects and arrays in each other; a tool's call adds some of its own.</summary>
    public const int MaxDepth = 60;

    readonly List<GrammarNode> _nodes = [];
    readonly Dictionary<string, Dfa> _literals = [];

    public GrammarBudget Budget { get; } = new();

    public string Comma => isSpaced ? ", " : ",";

    public string Colon => isSpaced ? ": " : ":";

    public GrammarNode Return { get; } = new() { Kind = GrammarNodeKind.Return };

    public GrammarNode Match(Dfa dfa, GrammarNode next, int depth) =>
        Add(new() { Kind = GrammarNodeKind.Match, Dfa = dfa, Next = next, Depth = depth });

    public GrammarNode Literal(string text, GrammarNode next, int depth)
    {
        if (!_literals.TryGetValue(text, out var dfa)) _literals[text] = dfa = JsonTexts.Words([text], Budget);
        return Match(dfa, next, depth);
    }

    /// <summary>A constant as it is written.</summary>
    public string Constant(JsonElement value) => isSpaced ? ChatJson.Format(value) : JsonTexts.Compact(value);

    public GrammarNode Call(GrammarRule rule, GrammarNode next, int depth) =>
        Add(new() { Kind = GrammarNodeKind.Call, Rule = rule, Next = next, Depth = depth });

    public GrammarNode Split(params ReadOnlySpan<GrammarNode> branches)
    {
        if (branches.Length == 1) return branches[0];
        var split = Add(new() { Kind = GrammarNodeKind.Split });
        split.Branches.AddRange(branches);
        return split;
    }

    /// <summary>Finds the shortest way from every point to its rule's end.</summary>
    public void Finish()
    {
        Return.Shorten();
        bool isShorter = true;
        while (isShorter)
        {
            isShorter = false;
            foreach (var node in _nodes) isShorter |= node.Shorten();
            Budget.Spend(_nodes.Count / 16);
        }
    }

    GrammarNode Add(GrammarNode node)
    {
        Budget.Spend(40);
        _nodes.Add(node);
        return node;
    }
}
