using System.Globalization;
using System.Text;

namespace Earshot.Tokenizers;

/// <summary>
/// Unicode normal forms NFC, NFKD and NFKC (Unicode Standard Annex 15) from our own table, of Unicode 14: under invariant globalisation,
/// which this project sets, <see cref="string.Normalize()"/> returns non-ASCII text as it came. Linear time.
/// </summary>
public static class UnicodeNormalization
{
    const int HangulFirst = 0xAC00, LeadFirst = 0x1100, VowelFirst = 0x1161, TailFirst = 0x11A7;
    const int LeadCount = 19, VowelCount = 21, TailCount = 28, HangulCount = LeadCount * VowelCount * TailCount;

    static readonly Lazy<Tables> Data = new(Tables.Load);

    /// <summary>Compatibility decomposition: letters apart from their marks, ligatures and full-width forms as plain letters.</summary>
    public static string Decompose(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Ascii.IsValid(text) ? text : ToText(Decomposed(text, compatibility: true));
    }

    /// <summary>Compatibility decomposition, then canonical composition.</summary>
    public static string Compose(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Ascii.IsValid(text) ? text : Composed(Decomposed(text, compatibility: true));
    }

    /// <summary>Canonical composition, NFC: letters with their marks, ligatures and full-width forms as they are.</summary>
    public static string ComposeCanonically(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        // Nothing below U+0300 decomposes into anything that would not compose again.
        return text.AsSpan().IndexOfAnyExceptInRange('\0', '\u02FF') < 0 ? text : Composed(Decomposed(text, compatibility: false));
    }

    static string Composed(List<int> points)
    {
        var starter = -1;
        var written = 0;
        var lastClass = 0;
        for (var i = 0; i < points.Count; i++)
        {
            var current = ClassOf(points[i]);
            var blocked = written - 1 != starter && lastClass >= current;
            if (starter >= 0 && !blocked && Composite(points[starter], points[i]) is { } composite)
            {
                points[starter] = composite;
                continue;
            }
            if (current == 0) starter = written;
            lastClass = current;
            points[written++] = points[i];
        }
        points.RemoveRange(written, points.Count - written);
        return ToText(points);
    }

    static List<int> Decomposed(string text, bool compatibility)
    {
        var decompositions = compatibility ? Data.Value.Decompositions : Data.Value.Canonical;
        var points = new List<int>(text.Length + 16);
        foreach (var rune in text.EnumerateRunes()) AddDecomposed(points, rune.Value, decompositions);
        OrderMarks(points);
        return points;
    }

    static void AddDecomposed(List<int> points, int point, Dictionary<int, int[]> decompositions)
    {
        var hangul = point - HangulFirst;
        if (hangul is >= 0 and < HangulCount)
        {
            points.Add(LeadFirst + hangul / (VowelCount * TailCount));
            points.Add(VowelFirst + hangul / TailCount % VowelCount);
            if (hangul % TailCount != 0) points.Add(TailFirst + hangul % TailCount);
        }
        else if (point >= 0x80 && decompositions.TryGetValue(point, out var parts))
        {
            foreach (var part in parts) AddDecomposed(points, part, decompositions);
        }
        else
        {
            points.Add(point);
        }
    }

    /// <summary>Sorts each run of marks by combining class, keeping the order of equal ones.</summary>
    static void OrderMarks(List<int> points)
    {
        for (var start = 0; start < points.Count;)
        {
            if (ClassOf(points[start]) == 0)
            {
                start++;
                continue;
            }
            var end = start;
            while (end < points.Count && ClassOf(points[end]) != 0) end++;
            if (end - start > 1)
            {
                var sorted = points.GetRange(start, end - start).OrderBy(ClassOf).ToArray(); // a stable sort
                for (var i = 0; i < sorted.Length; i++) points[start + i] = sorted[i];
            }
            start = end;
        }
    }

    static int? Composite(int first, int second)
    {
        if (first is >= LeadFirst and < LeadFirst + LeadCount && second is >= VowelFirst and < VowelFirst + VowelCount)
        {
            return HangulFirst + ((first - LeadFirst) * VowelCount + second - VowelFirst) * TailCount;
        }
        if (first is >= HangulFirst and < HangulFirst + HangulCount && (first - HangulFirst) % TailCount == 0
            && second is > TailFirst and < TailFirst + TailCount)
        {
            return first + second - TailFirst;
        }
        return Data.Value.Composites.TryGetValue((first, second), out var composite) ? composite : null;
    }

    static int ClassOf(int point) => point >= 0x300 && Data.Value.Classes.TryGetValue(point, out var value) ? value : 0;

    static string ToText(List<int> points)
    {
        var text = new StringBuilder(points.Count);
        Span<char> pair = stackalloc char[2];
        foreach (var point in points) text.Append(pair[..new Rune(point).EncodeToUtf16(pair)]);
        return text.ToString();
    }

    sealed class Tables
    {
        public Dictionary<int, int[]> Decompositions { get; } = [];

        /// <summary>Those that change nothing but the form.</summary>
        public Dictionary<int, int[]> Canonical { get; } = [];

        public Dictionary<(int First, int Second), int> Composites { get; } = [];

        public Dictionary<int, int> Classes { get; } = [];

        public static Tables Load()
        {
            var tables = new Tables();
            using var reader = new StreamReader(Open("unicode-decompositions.tsv"), Encoding.UTF8);
            while (reader.ReadLine() is { } line)
            {
                if (line.StartsWith('#')) continue;
                var row = line.Split('\t');
                var point = Hex(row[0]);
                if (row[1][0] == '@')
                {
                    var value = int.Parse(row[1].AsSpan(1), CultureInfo.InvariantCulture);
                    for (var p = point; p <= Hex(row[2]); p++) tables.Classes[p] = value;
                    continue;
                }
                var parts = row[2].Split(' ').Select(Hex).ToArray();
                tables.Decompositions[point] = parts;
                if (row[1] != "~") tables.Canonical[point] = parts;
                if (row[1] == "=") tables.Composites[(parts[0], parts[1])] = point;
            }
            return tables;
        }

        static Stream Open(string name) =>
            typeof(Tables).Assembly.GetManifestResourceStream("Earshot.Tokenizers." + name)
            ?? throw new InvalidOperationException($"The assembly lacks its data file '{name}'.");

        static int Hex(string digits) => int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
