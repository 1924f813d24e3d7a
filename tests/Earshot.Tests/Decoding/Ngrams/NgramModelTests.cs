using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Earshot.Decoding.Ngrams;

namespace Earshot.Tests.Decoding.Ngrams;

public sealed class NgramModelTests
{
    static readonly string s_folder = TestData.Require("goldens/ctc-decoding");
    static readonly string s_text = File.ReadAllText(Path.Combine(s_folder, "lm.arpa"));

    [Fact]
    public void Sentences_have_the_references_scores()
    {
        var model = Read(s_text);
        Assert.Equal((3, "19,43,56"), (model.Order, string.Join(',', model.Counts)));
        using var golden = JsonDocument.Parse(File.ReadAllText(Path.Combine(s_folder, "lm-sentences.json")));
        foreach (var sentence in golden.RootElement.EnumerateArray())
        {
            int[] context = model.After([], model.Begin!.Value);
            double total = 0;
            foreach (var word in sentence.GetProperty("words").EnumerateArray())
            {
                int id = model.Find(word.GetProperty("word").GetString()!) ?? NgramModel.Unknown;
                Assert.Equal(word.GetProperty("oov").GetBoolean(), id == NgramModel.Unknown);
                float score = model.Score(context, id);
                Assert.Equal(word.GetProperty("log10").GetDouble(), score, 2e-5);
                total += score;
                context = model.After(context, id);
            }
            Assert.Equal(sentence.GetProperty("log10_total_with_bos_eos").GetDouble(), total, 1e-4);
        }
    }

    [Fact]
    public void A_gzipped_file_is_the_same()
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(Encoding.UTF8.GetBytes(s_text));
        packed.Position = 0;
        var model = NgramModel.Read(packed, "lm.arpa.gz");
        Assert.Equal(Read(s_text).Counts, model.Counts);
    }

    [Theory]
    [InlineData("\\data\\", "\\dat\\", "\\data\\")]
    [InlineData("ngram 2=43", "ngram 3=43", "ngram 2=")]
    [InlineData("ngram 2=43", "ngram 2=-1", "ngram 2=")]
    [InlineData("ngram 2=43", "ngram 2=44", "44 n-grams of 2 words")]
    [InlineData("\\2-grams:", "\\3-grams:", "\\2-grams:")]
    [InlineData("\\end\\", "", "the file's end")]
    [InlineData("<s> a\t", "<s> nobody\t", "words of the 1-grams")]
    [InlineData("<s> a\t-0.301030", "a", "a probability and 2 words")]
    [InlineData("-0.800950\t<s> a", "x\t<s> a", "a log-probability")]
    [InlineData("<s> she\t", "<s> a\t", "each n-gram once")]
    public void A_damaged_file_is_refused_by_line(string part, string other, string expected)
    {
        Assert.Contains(part, s_text, StringComparison.Ordinal);
        int at = s_text.IndexOf(part, StringComparison.Ordinal);
        var error = Assert.Throws<CheckpointException>(() => Read(s_text[..at] + other + s_text[(at + part.Length)..]));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains(", line ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_binary_of_KenLMs_is_named()
    {
        var binary = new MemoryStream(Encoding.ASCII.GetBytes("mmap lm http://kheafield.com/code format version 5\n\0"));
        var refused = Assert.Throws<CheckpointException>(() => NgramModel.Read(binary, "lm.bin"));
        Assert.Contains("ARPA", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_of_any_kind_are_read_or_refused()
    {
        var random = new Random(3);
        for (int round = 0; round < 400; round++)
        {
            var bytes = Encoding.UTF8.GetBytes(s_text);
            for (int i = random.Next(1, 8); i > 0; i--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                int length = random.Next(3) == 0 ? random.Next(bytes.Length) : bytes.Length;
                var model = NgramModel.Read(new MemoryStream(bytes, 0, length), "fuzz");
                Assert.False(float.IsNaN(model.Score([], 0)));
            }
            catch (CheckpointException)
            {
                // What else it may be is nothing else.
            }
        }
    }

    static NgramModel Read(string text) => NgramModel.Read(new MemoryStream(Encoding.UTF8.GetBytes(text)), "lm.arpa");
}
