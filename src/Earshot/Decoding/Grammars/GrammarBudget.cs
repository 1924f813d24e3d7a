namespace Earshot.Decoding.Grammars;

/// <summary>How much work a grammar may be: schemas and expressions come from strangers, and some grow exponentially.</summary>
sealed class GrammarBudget
{
    const int Most = 4_000_000;

    /// <summary>States of one automaton.</summary>
    public const int States = 20_000;

    int _left = Most;

    /// <exception cref="GrammarException">It is used up.</exception>
    public void Spend(int amount)
    {
        _left -= Math.Min(amount, Most);
        if (_left < 0) throw new GrammarException($"it is too large: more than {Most} steps to compile. Make counts or unions smaller.");
    }

    /// <exception cref="GrammarException">An automaton has too many states.</exception>
    public static void CheckStates(int count)
    {
        if (count > States)
            throw new GrammarException(
                $"it needs an automaton of more than {States} states. Make counts smaller, or the expression simpler.");
    }
}
