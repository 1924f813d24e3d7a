using System.Text;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using Random = System.Random;

namespace Earshot.Tokenizers;

public class BytePairEncodingProperties
{
    const string Alphabet = "aehlLE's'stred \u00a0\u2003\n\t019½Ⅷß漢かक\u0301…—!?\u200b";

    static readonly Lazy<WhisperTokenizer> s_tokenizer = new(() => WhisperTokenizer.LoadTiktoken(RankFiles.Multilingual));

    [Fact]
    public void Decoding_gives_any_text_back()
    {
        var tokenizer = s_tokenizer.Value;
        // Half a surrogate pair has no UTF-8 form; the encoder takes it as U+FFFD.
        Prop.ForAll<string>(
            text => text is null || tokenizer.Decode(tokenizer.Encode(text)) == Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    [Fact]
    public void Any_tokens_decode_alike_at_once_in_a_stream_and_by_words()
    {
        var tokenizer = s_tokenizer.Value;
        var random = new Random(5);
        for (int round = 0; round < 2000; round++)
        {
            // Single bytes and their like are the first tokens: many of these sequences are broken UTF-8.
            var ids =
                Enumerable.Range(0, random.Next(12)).Select(_ => random.Next(random.Next(2) == 0 ? 256 : tokenizer.EndOfText)).ToArray();
            var text = tokenizer.Decode(ids);
            var stream = new StreamingTextDecoder(tokenizer);
            Assert.Equal(text, string.Concat(ids.Select(stream.Append)) + stream.Flush());
            foreach (var language in (string[])["en", "ja"])
            {
                var words = tokenizer.SplitToWords(ids, language);
                Assert.Equal(ids, words.SelectMany(w => w.Tokens));
                Assert.Equal(text, string.Concat(words.Select(w => w.Text)));
            }
        }
    }

    [Fact]
    public void Merging_through_the_queue_gives_what_merging_step_by_step_gives()
    {
        var tokenizer = s_tokenizer.Value;
        var ranks = Enumerable.Range(0, tokenizer.EndOfText)
            .GroupBy(id => Encoding.Latin1.GetString(tokenizer.TokenBytes(id)))
            .ToDictionary(g => g.Key, g => g.First());
        var random = new Random(3);
        for (int round = 0; round < 2000; round++)
        {
            var text = RandomText(random);
            var expected = Pieces(text).SelectMany(piece => StepByStep(piece, ranks));
            Assert.Equal(expected, tokenizer.Encode(text));
        }
    }

    [Fact]
    public void A_piece_that_is_a_token_encodes_as_that_token()
    {
        var tokenizer = s_tokenizer.Value;
        int pieces = 0;
        for (int id = 0; id < tokenizer.EndOfText; id++)
        {
            var text = Encoding.UTF8.GetString(tokenizer.TokenBytes(id));
            if (text.Length == 0 || text.Contains('\uFFFD', StringComparison.Ordinal) || PreTokenizer.PieceLength(text) != text.Length)
                continue;
            Assert.Equal([id], tokenizer.Encode(text));
            pieces++;
        }
        Assert.True(pieces > 48_000);
    }

    [Fact]
    public void Pieces_are_those_of_the_reference_expression_where_no_surrogates_occur()
    {
        var expression = new Regex(
            @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant);
        var random = new Random(4);
        for (int round = 0; round < 5000; round++)
        {
            var text = RandomText(random);
            Assert.Equal(expression.Matches(text).Select(m => m.Value), Pieces(text));
        }
    }

    [Theory]
    [InlineData("𝐀𝐁c 𝟙𝟚3", "𝐀𝐁c| 𝟙𝟚3")]
    [InlineData("🦊🦊a", "🦊🦊|a")]
    [InlineData("'s 's''s", "'s| '|s|''|s")]
    public void Letters_and_digits_beyond_the_basic_plane_count_as_such(string text, string pieces) =>
        Assert.Equal(pieces, string.Join('|', Pieces(text)));

    static string RandomText(Random random) =>
        string.Concat(Enumerable.Range(0, random.Next(24)).Select(_ => Alphabet[random.Next(Alphabet.Length)]));

    static List<string> Pieces(string text)
    {
        var pieces = new List<string>();
        for (int start = 0; start < text.Length;)
        {
            int length = PreTokenizer.PieceLength(text.AsSpan(start));
            pieces.Add(text.Substring(start, length));
            start += length;
        }
        return pieces;
    }

    /// <summary>The definition: join the lowest pair, leftmost first, until no pair is a token.</summary>
    static List<int> StepByStep(string piece, Dictionary<string, int> ranks)
    {
        var parts = Encoding.UTF8.GetBytes(piece).Select(b => ((char)b).ToString()).ToList();
        while (true)
        {
            int best = -1, bestRank = int.MaxValue;
            for (int i = 0; i + 1 < parts.Count; i++)
            {
                if (ranks.TryGetValue(parts[i] + parts[i + 1], out int rank) && rank < bestRank) (best, bestRank) = (i, rank);
            }
            if (best < 0) return [.. parts.Select(p => ranks[p])];
            parts[best] += parts[best + 1];
            parts.RemoveAt(best + 1);
        }
    }
}
