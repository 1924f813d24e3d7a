using System.Text.Json;
using Earshot.Decoding;
using Earshot.Decoding.Ngrams;

namespace Earshot.Tests.Decoding;

public sealed class CtcBeamDecoderTests
{
    static readonly string s_goldens = TestData.Require("goldens/ctc-decoding");
    static readonly JsonDocument s_cases = JsonDocument.Parse(File.ReadAllText(Path.Combine(s_goldens, "decoding.json")));
    static readonly NgramModel s_model = NgramModel.Load(Path.Combine(s_goldens, "lm.arpa"));
    static readonly CtcLabels s_labels =
        new([.. s_cases.RootElement.GetProperty("labels").EnumerateArray().Select(label => label.GetString()!)], 0);

    static readonly Dictionary<string, CtcSearchOptions> s_settings = Settings();

    public static TheoryData<string> Cases => [.. s_cases.RootElement.GetProperty("cases").EnumerateObject().Select(pair => pair.Name)];

    public static TheoryData<string, string> Searches()
    {
        var data = new TheoryData<string, string>();
        foreach (var golden in s_cases.RootElement.GetProperty("cases").EnumerateObject())
        {
            foreach (var setting in golden.Value.GetProperty("expected").EnumerateObject()) data.Add(golden.Name, setting.Name);
        }
        return data;
    }

    [Theory, MemberData(nameof(Searches))]
    public void The_best_texts_are_the_references(string name, string setting)
    {
        var expected = Case(name).GetProperty("expected").GetProperty(setting).EnumerateArray().ToArray();
        var found = Decode(name, s_settings[setting] with { PruneLogprob = -10 }, isEnd: setting != "lm_no_boundary", expected.Length);
        Assert.Equal(expected.Length, found.Count);
        Assert.Equal(expected[0].GetProperty("text").GetString(), found[0].Text);
        foreach (var golden in expected)
        {
            // Those closer than rounding may change places, or be the last of others.
            double score = golden.GetProperty("lm_score").GetDouble();
            if (found.Find(hypothesis => hypothesis.Text == golden.GetProperty("text").GetString()) is not { } same)
            {
                Assert.Equal(score, found[^1].Score, 1e-3);
                continue;
            }
            Assert.Equal(score, same.Score, 1e-3);
            Assert.Equal(golden.GetProperty("logit_score").GetDouble(), same.AcousticScore, 1e-3);
            Assert.Equal(
                golden.GetProperty("words").EnumerateArray()
                    .Select(word => (word[0].GetString()!, word[1][0].GetInt32(), word[1][1].GetInt32())),
                same.Words);
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void The_likeliest_tokens_are_the_references(string name)
    {
        var golden = Case(name).GetProperty("greedy");
        var tokens = new CtcGreedyDecoder(s_labels.Count, 0).Decode(Logprobs(name));
        Assert.Equal(golden.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()), tokens.Select(token => token.Id));
        Assert.Equal(
            golden.GetProperty("spans").EnumerateArray().Select(span => (span[0].GetInt32(), span[1].GetInt32())),
            tokens.Select(token => (token.Start, token.End)));
    }

    [Fact]
    public void Tokens_are_those_of_the_words_in_their_places()
    {
        foreach (var name in Cases)
        {
            var best = Decode(name.Data, s_settings["lm_alpha0.5_beta1.5"])[0];
            var text = string.Concat(best.Tokens.Select(token => s_labels.Text(token.Id)));
            Assert.Equal(best.Text, text.Trim());
            Assert.All(best.Tokens.Zip(best.Tokens.Skip(1)), pair => Assert.True(pair.First.End <= pair.Second.Start));
            Assert.All(best.Tokens, token => Assert.InRange(token.Logprob, -40, 0));
        }
    }

    [Fact]
    public void A_model_in_the_other_case_or_without_marks_writes_the_same()
    {
        var text = File.ReadAllText(Path.Combine(s_goldens, "lm.arpa"));
        var upper = string.Join('\n', text.Split('\n').Select(line =>
            string.Join('\t', line.Split('\t').Select((part, i) => i == 1 ? string.Join(' ', part.Split(' ').Select(Upper)) : part))));
        foreach (var name in Cases)
        {
            var expected = Decode(name.Data, s_settings["lm_alpha0.5_beta1.5"])[0];
            var found = Decode(name.Data, s_settings["lm_alpha0.5_beta1.5"] with { LanguageModel = Read(upper) })[0];
            Assert.Equal((expected.Text, expected.Score), (found.Text, found.Score));
        }
        var none = Read(text.Replace("-2.189176\t<unk>\n", "", StringComparison.Ordinal)
            .Replace("ngram 1=19", "ngram 1=18", StringComparison.Ordinal));
        var without = s_settings["lm_alpha0.5_beta1.5"] with { LanguageModel = none };
        Assert.Equal("she saw the sea at noon", Decode("homophone", without)[0].Text);
        Assert.Equal(0, CtcLexicon.Of(Read("\\data\\\nngram 1=2\n\n\\1-grams:\n-1\tслово\n-1\tдело\n\n\\end\\\n"), s_labels).UsableShare);

        static string Upper(string part) => part.StartsWith('<') ? part : part.ToUpperInvariant();
    }

    [Fact]
    public void Hotwords_win_where_they_are_likely_and_spoil_nothing_where_they_cannot_be_written()
    {
        var options = new CtcSearchOptions { Hotwords = ["zebra, 東京 x"] };
        Assert.Equal("the zebra sat at noon", Decode("oov", options)[0].Text);
        foreach (var name in Cases)
        {
            Assert.Equal(
                Decode(name.Data, new CtcSearchOptions())[0].Text,
                Decode(name.Data, new CtcSearchOptions { Hotwords = ["東京", "ab"] })[0].Text);
        }
    }

    [Fact]
    public void A_token_that_goes_on_from_before_is_not_written_again()
    {
        var logits = Logprobs("clear");
        var whole = Decode("clear", new CtcSearchOptions())[0];
        var later = new CtcBeamDecoder(s_labels, new CtcSearchOptions(), null).Decode(logits, first: 16)[0];
        // The third word's first letter is heard at 15 and 16.
        Assert.Equal(
            whole.Tokens.Where(token => token.Start > 16).Select(token => token.Id).SkipWhile(id => s_labels.Text(id) == " "),
            later.Tokens.Select(token => token.Id));
    }

    static Dictionary<string, CtcSearchOptions> Settings()
    {
        var model = new CtcSearchOptions { LanguageModel = s_model, LeastHotwordLength = 1, HotwordBoost = 10 };
        string[] hotwords = ["zebra", "sea", "fat rat"];
        return new()
        {
            ["no_lm"] = new(),
            ["lm_alpha0.5_beta1.5"] = model,
            ["lm_alpha1.2_beta0.5"] = model with { LanguageModelWeight = 1.2f, WordScore = 0.5f },
            ["lm_no_boundary"] = model,
            ["lm_beam_width8"] = model with { BeamSize = 8 },
            ["no_lm_hotwords"] = model with { LanguageModel = null, Hotwords = hotwords },
            ["lm_hotwords"] = model with { Hotwords = hotwords },
        };
    }

    static List<CtcHypothesis> Decode(string name, CtcSearchOptions options, bool isEnd = true, int count = 1)
    {
        // The reference without boundaries begins with no context at all.
        var lexicon = options.LanguageModel is { } model ? CtcLexicon.Of(model, s_labels) : null;
        return new CtcBeamDecoder(s_labels, options, lexicon) { ScoresBegin = isEnd }.Decode(Logprobs(name), isEnd: isEnd, count: count);
    }

    static NgramModel Read(string text) => NgramModel.Read(new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text)), "test.arpa");

    static JsonElement Case(string name) => s_cases.RootElement.GetProperty("cases").GetProperty(name);

    static float[] Logprobs(string name) => NpyFile.Read(Path.Combine(s_goldens, $"{name}.logprobs.npy")).Values;
}
