using Earshot.Recognition;

namespace Earshot.Live;

/// <summary>
/// Finds text that was copied from the prompt: where a model understands little, it writes once more what it was told last.
/// </summary>
static class EchoGuard
{
    // Four or five words. Shorter phrases are said again often enough.
    const int LeastTokens = 6;

    /// <summary>Whether as many tokens in a row stand in the prompt too.</summary>
    public static bool IsEcho(ReadOnlySpan<int> prompt, IReadOnlyList<HeardWord> words)
    {
        if (prompt.Length < LeastTokens) return false;
        int[] heard = [.. words.SelectMany(word => word.Tokens)];
        for (int at = 0; at + LeastTokens <= heard.Length; at++)
        {
            if (prompt.IndexOf(heard.AsSpan(at, LeastTokens)) >= 0) return true;
        }
        return false;
    }
}
