using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Earshot.Decoding.Grammars;
using Earshot.Tokenizers;

namespace Earshot.Bench;

/// <summary>
/// Structured output: many texts drawn at random within a limit, all of which must parse, and what the mask of a step costs.
/// </summary>
internal static class SchemaBench
{
    static readonly (string Name, string Schema)[] s_schemas =
    [
        ("person", """
            {"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},
            "mood":{"enum":["good","goodbye","bad"]},"email":{"type":["string","null"]}},"required":["name","age","mood","email"],
            "additionalProperties":false}
            """),
        ("tree", """
            {"type":"object","properties":{"label":{"type":"string","minLength":1},"children":{"type":"array","items":{"$ref":"#"},
            "maxItems":4}},
            "required":["label","children"],"additionalProperties":false}
            """),
        ("tool", """
            {"type":"object","properties":{"query":{"type":"string","maxLength":200},"limit":{"type":"integer","default":10},
            "when":{"type":"string",
            "format":"date-time"},"filters":{"type":"array","items":{"anyOf":[{"type":"object","properties":{"kind":{"const":"range"},
            "from":{"type":"number","minimum":0},"to":{"type":"number"}},"required":["kind","from","to"]},{"type":"object","properties":{
            "kind":{"const":"term"},"value":{"type":"string"}},"required":["kind","value"]}]}},"options":{"type":"object"}},
            "required":["query"]}
            """),
        ("pattern",
            """{"type":"object","properties":{"code":{"type":"string","pattern":"^[A-Z]{2}-\\d{4}( [a-z]+)*$"}},"required":["code"]}"""),
    ];

    /// <param name="folders">Tokenizers; each writes its share of the texts.</param>
    public static void Run(int texts, IReadOnlyList<string> folders)
    {
        foreach (string folder in folders)
        {
            var watch = Stopwatch.StartNew();
            var vocabulary = GrammarVocabulary.Create(TextTokenizer.Load(folder));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{folder}: {vocabulary.Count} tokens, trie of {vocabulary.Trie.Count} nodes in {watch.Elapsed.TotalMilliseconds:0} ms"));
            var names = s_schemas.Select(schema => schema.Name).Append("any object").ToList();
            for (int i = 0; i < names.Count; i++)
            {
                watch.Restart();
                var grammar = i < s_schemas.Length ? Grammar.FromJsonSchema(s_schemas[i].Schema) : Grammar.JsonObject;
                double compiled = watch.Elapsed.TotalMilliseconds;
                Write(names[i], grammar, vocabulary, texts / names.Count / folders.Count, compiled);
            }
        }
    }

    static void Write(string name, Grammar grammar, GrammarVocabulary vocabulary, int texts, double compiled)
    {
        var masks = new List<double>();
        var accepts = new List<double>();
        double first = 0;
        int cut = 0;
        for (int text = 0; text < texts; text++)
        {
            var random = new Random(text);
            int limit = new GrammarConstraint(grammar, vocabulary).MinimumTokens + random.Next(60);
            var constraint = new GrammarConstraint(grammar, vocabulary, limit);
            var bytes = new List<byte>();
            bool hasEnded = false;
            while (!hasEnded && constraint.Length < limit)
            {
                long start = Stopwatch.GetTimestamp();
                var mask = constraint.Mask;
                double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                if (masks.Count == 0) first = milliseconds;
                masks.Add(milliseconds);
                int token = Draw(mask, random);
                hasEnded = vocabulary.EndTokens.Contains(token);
                bytes.AddRange(vocabulary.Bytes(token));
                start = Stopwatch.GetTimestamp();
                if (!constraint.TryAccept(token)) throw new InvalidOperationException($"{name}: a token of the mask is refused.");
                accepts.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
            cut += hasEnded ? 0 : 1;
            var value = JsonDocument.Parse(new UTF8Encoding(false, true).GetString([.. bytes])).RootElement;
            if (value.ValueKind != JsonValueKind.Object) throw new InvalidOperationException($"{name}: no object.");
        }
        masks.Sort();
        accepts.Sort();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  {name,-10} compiled in {compiled:0.0} ms; {texts} texts parse, " +
            $"{cut} of them cut at the limit; {masks.Count} masks: first {first:0.000} ms, " +
            $"median {masks[masks.Count / 2]:0.0000}, 99 % {masks[masks.Count * 99 / 100]:0.000}, most {masks[^1]:0.000}; " +
            $"accept: median {accepts[accepts.Count / 2]:0.0000}, 99 % {accepts[accepts.Count * 99 / 100]:0.000}"));
    }

    /// <summary>Any of the tokens; each as likely.</summary>
    static int Draw(ReadOnlySpan<ulong> mask, Random random)
    {
        int count = 0;
        foreach (ulong word in mask) count += System.Numerics.BitOperations.PopCount(word);
        int skip = random.Next(count);
        for (int word = 0; ; word++)
        {
            int here = System.Numerics.BitOperations.PopCount(mask[word]);
            if (skip >= here)
            {
                skip -= here;
                continue;
            }
            ulong bits = mask[word];
            while (skip-- > 0) bits &= bits - 1;
            return 64 * word + System.Numerics.BitOperations.TrailingZeroCount(bits);
        }
    }
}
