using System.Text;
using Earshot.Tokenizers;

namespace Earshot.Decoding.Grammars;

/// <summary>Vocabularies, and texts that a grammar is asked about byte by byte or writes at random.</summary>
static class GrammarTexts
{
    static readonly Lazy<GrammarVocabulary> s_smol = new(() => Load("smollm2-tiny")), s_qwen = new(() => Load("qwen-tiny"));

    /// <summary>One token for each byte, and 256 that ends a text.</summary>
    public static GrammarVocabulary Bytes { get; } =
        new([.. Enumerable.Range(0, 256).Select(b => new[] { (byte)b }), []], [256]);

    public static GrammarVocabulary Smol => s_smol.Value;

    public static GrammarVocabulary Qwen => s_qwen.Value;

    /// <summary>The first byte that is refused; the length where none is but the text is unfinished; -1 where it is whole.</summary>
    public static int FirstRefused(Grammar grammar, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        var state = GrammarState.Start(grammar);
        for (int i = 0; i < bytes.Length; i++)
        {
            if (state.Next(bytes[i]) is not { } next) return i;
            state = next;
        }
        return state.IsComplete ? -1 : bytes.Length;
    }

    public static bool Matches(Grammar grammar, string text) => FirstRefused(grammar, text) < 0;

    /// <summary>A text drawn at random from what the masks allow, until it ends or reaches the limit.</summary>
    public static string Write(Grammar grammar, GrammarVocabulary vocabulary, int? maxTokens, Random random, double endsAfter = 40)
    {
        var constraint = new GrammarConstraint(grammar, vocabulary, maxTokens);
        var logits = new float[vocabulary.Count + 7];
        var bytes = new List<byte>();
        int[] marks = [.. Enumerable.Range(0, vocabulary.Count).Where(id =>
            vocabulary.Bytes(id) is [(byte)'"' or (byte)'}' or (byte)']', ..])];
        while (maxTokens is null || constraint.Length < maxTokens)
        {
            for (int i = 0; i < logits.Length; i++) logits[i] = random.NextSingle();
            // Sooner or later a model comes to an end.
            double hurry = constraint.Length / endsAfter;
            foreach (int closing in marks) logits[closing] += (float)(hurry * hurry * random.NextDouble());
            foreach (int end in vocabulary.EndTokens) logits[end] += (float)hurry;
            constraint.Apply(logits);
            int token = Logits.ArgMax(logits);
            Assert.True(logits[token] > float.NegativeInfinity, "Nothing may follow.");
            Assert.True(constraint.Allows(token));
            Assert.True(constraint.TryAccept(token), $"Token {token} is in the mask and is refused.");
            if (vocabulary.EndTokens.Contains(token)) break;
            bytes.AddRange(vocabulary.Bytes(token));
            Assert.True(bytes.Count < 200_000, "It does not end.");
        }
        Assert.True(constraint.IsComplete);
        return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString([.. bytes]);
    }

    static GrammarVocabulary Load(string name) => GrammarVocabulary.Create(TextTokenizer.Load(TestData.Require($"tokenizers/{name}")));
}
