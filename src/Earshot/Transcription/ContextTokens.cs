namespace Earshot.Transcription;

/// <summary>What was said before, as the next window's prompt: no more of it than fits.</summary>
sealed class ContextTokens(int[] initialPrompt, bool carryInitialPrompt, int most)
{
    readonly List<int> _tokens = carryInitialPrompt ? [] : [.. initialPrompt];

    /// <summary>What was said before, without an initial prompt that is carried.</summary>
    public int[] Said => [.. _tokens];

    public int[] Prompt => carryInitialPrompt
        ? [.. initialPrompt, .. _tokens[^Math.Min(_tokens.Count, Math.Max(0, most - initialPrompt.Length))..]]
        : [.. _tokens];

    public void Add(IReadOnlyList<int> tokens)
    {
        _tokens.AddRange(tokens);
        if (_tokens.Count > most) _tokens.RemoveRange(0, _tokens.Count - most);
    }

    /// <summary>Goes on with what was said before, as <see cref="Said"/> gave it.</summary>
    public void Restore(IReadOnlyList<int> said)
    {
        _tokens.Clear();
        Add(said);
    }

    public void Reset() => _tokens.Clear();
}
