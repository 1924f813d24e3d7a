using System.Text.Json;
using Earshot.Decoding;
using Earshot.Tests.Models;
using Earshot.Tokenizers;

namespace Earshot.Tests.Decoding;

public sealed class CtcGreedyDecoderTests
{
    public static TheoryData<int> Cases() => [.. Enumerable.Range(0, 10)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Paths_collapse_as_the_references_do(int index)
    {
        using var cases = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/wav2vec2-tiny/tokenizer-cases.json")));
        Assert.Equal(Cases().Count, cases.RootElement.GetArrayLength());
        var expected = cases.RootElement[index];
        int[] ids = [.. expected.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
        var tokens = new CtcGreedyDecoder(32, 0).Collapse(ids, new float[ids.Length]);
        Wav2Vec2Tests.CheckTokens(expected, tokens, CtcVocabulary.Load(Wav2Vec2Tests.Folder("base")));
    }

    [Fact]
    public void A_token_is_as_likely_as_its_positions_are_on_average()
    {
        float[] logits = [0, 3, 1, /**/ 0, 5, 1, /**/ 4, 0, 0, /**/ 0, 0, 2];
        var tokens = new CtcGreedyDecoder(3, 0).Decode(logits);
        float LogProbability(int row, int id) =>
            (float)(logits[(row * 3) + id] - Math.Log(logits.Skip(row * 3).Take(3).Sum(value => Math.Exp(value))));
        Assert.Equal([(1, 0, 2), (2, 3, 4)], tokens.Select(token => (token.Id, token.Start, token.End)));
        Assert.Equal((LogProbability(0, 1) + LogProbability(1, 1)) / 2, tokens[0].Logprob, 1e-6f);
        Assert.Equal(LogProbability(3, 2), tokens[1].Logprob, 1e-6f);
    }

    [Fact]
    public void A_token_that_goes_on_from_before_is_not_written_again()
    {
        float[] logits = [0, 1, 0, /**/ 0, 1, 0, /**/ 0, 0, 1, /**/ 0, 1, 0];
        var decoder = new CtcGreedyDecoder(3, 0);
        Assert.Equal([(2, 1, 2), (1, 2, 3)], decoder.Decode(logits, 1).Select(token => (token.Id, token.Start, token.End)));
        Assert.Equal([(2, 0, 1), (1, 1, 2)], decoder.Decode(logits, 2).Select(token => (token.Id, token.Start, token.End)));
        Assert.Empty(decoder.Decode(logits, 4));
    }

    [Fact]
    public void Logits_that_are_no_numbers_are_refused() =>
        Assert.Throws<ModelException>(() => new CtcGreedyDecoder(3, 0).Decode([0, float.NaN, 0]));
}
