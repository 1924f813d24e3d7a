using System.Globalization;

namespace Earshot.Decoding.Ngrams;

/// <summary>Reads the ARPA format: counts, then the n-grams of each length, each with log₁₀ probability and back-off.</summary>
sealed class ArpaReader(TextReader reader, string location)
{
    const int MaxWords = 1 << 26;

    readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    int _line;

    public NgramModel Read()
    {
        var text = NextLine();
        if (text is null || text.Length > 1000 || text.Trim() != "\\data\\")
            throw Wrong("\\data\\, as an ARPA file begins", text is null ? "nothing" : "something else");
        var counts = ReadCounts(out var section);
        var tables = new NgramTable[counts.Count];
        for (int order = 1; order <= counts.Count; order++)
        {
            if (section.Trim() != $"\\{order}-grams:") throw Wrong($"\\{order}-grams:", section);
            tables[order - 1] = ReadSection(order, counts.Count, out section);
            if (tables[order - 1].Count != counts[order - 1])
                throw Wrong($"{counts[order - 1]} n-grams of {order} words, as the file's head says", $"{tables[order - 1].Count}");
        }
        if (section.Trim() != "\\end\\") throw Wrong("\\end\\", section);
        return new NgramModel(location, _ids, tables);
    }

    List<long> ReadCounts(out string section)
    {
        var counts = new List<long>();
        while (true)
        {
            var line = NextLine() ?? throw Wrong("counts (ngram 1=…) and n-grams", "the file's end");
            if (line.StartsWith('\\'))
            {
                section = line;
                return counts.Count > 0 ? counts : throw Wrong("counts, such as ngram 1=1000", "none");
            }
            var parts = line.Trim().Split('=', 2);
            bool fits = parts.Length == 2 && parts[0].Trim() == $"ngram {counts.Count + 1}";
            if (!fits || !long.TryParse(parts[1], NumberStyles.Integer, CultureInfo.InvariantCulture, out long count) || count < 0)
                throw Wrong($"ngram {counts.Count + 1}= and a count", line);
            if (counts.Count == NgramModel.MaxOrder) throw Wrong($"n-grams of at most {NgramModel.MaxOrder} words", line);
            counts.Add(count);
        }
    }

    NgramTable ReadSection(int order, int orders, out string next)
    {
        var table = new NgramTable();
        Span<int> words = stackalloc int[NgramModel.MaxOrder];
        Span<Range> parts = stackalloc Range[NgramModel.MaxOrder + 3];
        while (true)
        {
            var line = NextLine() ?? throw Wrong("more n-grams, or \\end\\", "the file's end");
            // A word may begin with this sign, but a line begins with a number.
            if (line.StartsWith('\\'))
            {
                next = line;
                return table;
            }
            var text = line.AsSpan().Trim();
            int count = text.SplitAny(parts, " \t\r", StringSplitOptions.RemoveEmptyEntries);
            if (count != order + 1 && (count != order + 2 || order == orders)) throw Wrong($"a probability and {order} words", line);
            for (int i = 0; i < order; i++) words[i] = IdOf(text[parts[i + 1]], isNew: order == 1);
            var value = new Ngram(Number(text[parts[0]]), count > order + 1 ? Number(text[parts[order + 1]]) : 0);
            if (!table.Add(NgramTable.Hash(words[..(order - 1)], words[order - 1]), value)) throw Wrong("each n-gram once", line);
        }
    }

    int IdOf(ReadOnlySpan<char> word, bool isNew)
    {
        var lookup = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        if (lookup.TryGetValue(word, out int id)) return id;
        if (!isNew) throw Wrong("words of the 1-grams", word.ToString());
        if (_ids.Count == MaxWords) throw Wrong($"at most {MaxWords} words", "more");
        lookup[word] = _ids.Count;
        return _ids.Count - 1;
    }

    float Number(ReadOnlySpan<char> text) =>
        float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) && !float.IsNaN(value) && value <= 100
            ? Math.Max(value, -1e9f)
            : throw Wrong("a log-probability", text.ToString());

    string? NextLine()
    {
        while (reader.ReadLine() is { } line)
        {
            _line++;
            if (!string.IsNullOrWhiteSpace(line)) return line;
        }
        return null;
    }

    CheckpointException Wrong(string expected, string got) => new(
        $"'{location}', line {_line}: expected {expected}; got {(got.Length > 80 ? got[..80] + "…" : got)}. " +
        "The file is no language model in ARPA format, or is damaged.");
}
