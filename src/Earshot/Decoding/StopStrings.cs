namespace Earshot.Decoding;

/// <summary>
/// Looks for strings in text that is still growing and holds back only what may become one of them (Knuth, Morris and Pratt 1977): each
/// character is looked at once. Text that comes in whole characters goes out in whole characters. Not for several threads at once.
/// </summary>
sealed class StopStrings
{
    readonly string[] _stops;
    // Of each stop string and place, how long the longest proper beginning is that ends there.
    readonly int[][] _failures;
    readonly int[] _matched;
    string _held = "";

    /// <exception cref="ArgumentException">A string is empty, or begins or ends with half a surrogate pair.</exception>
    public StopStrings(IEnumerable<string> stops)
    {
        _stops = [.. stops.Distinct(StringComparer.Ordinal)];
        foreach (var stop in _stops)
        {
            if (string.IsNullOrEmpty(stop) || char.IsLowSurrogate(stop[0]) || char.IsHighSurrogate(stop[^1]))
                throw new ArgumentException("A stop string is empty, or begins or ends with half a surrogate pair.", nameof(stops));
        }
        _failures = [.. _stops.Select(Failures)];
        _matched = new int[_stops.Length];
    }

    /// <summary>The stop string that was met; null while none was.</summary>
    public string? Found { get; private set; }

    /// <summary>The text that is certain: up to the stop string that ends first, or else what cannot become one.</summary>
    public string Append(string text)
    {
        if (Found is not null) return "";
        if (_stops.Length == 0) return text;
        var all = _held + text;
        for (int i = _held.Length; i < all.Length; i++)
        {
            for (int s = 0; s < _stops.Length; s++) Advance(s, all[i]);
            // Of several that end here, the one that began first.
            int found = -1;
            for (int s = 0; s < _stops.Length; s++)
                if (_matched[s] == _stops[s].Length && (found < 0 || _matched[s] > _matched[found])) found = s;
            if (found < 0) continue;
            Found = _stops[found];
            _held = "";
            return all[..(i + 1 - Found.Length)];
        }
        int held = _matched.Max();
        _held = all[^held..];
        return all[..^held];
    }

    /// <summary>What was held back, at the end of the text.</summary>
    public string Flush()
    {
        var held = _held;
        _held = "";
        Array.Clear(_matched);
        return held;
    }

    void Advance(int s, char c)
    {
        ref int matched = ref _matched[s];
        while (matched > 0 && _stops[s][matched] != c) matched = _failures[s][matched - 1];
        if (_stops[s][matched] == c) matched++;
    }

    static int[] Failures(string stop)
    {
        var failures = new int[stop.Length];
        for (int i = 1, length = 0; i < stop.Length; i++)
        {
            while (length > 0 && stop[i] != stop[length]) length = failures[length - 1];
            if (stop[i] == stop[length]) length++;
            failures[i] = length;
        }
        return failures;
    }
}
