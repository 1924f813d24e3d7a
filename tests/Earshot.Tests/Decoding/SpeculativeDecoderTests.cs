using Earshot.Decoding;
using Earshot.Recognition;

namespace Earshot.Tests.Decoding;

public class SpeculativeDecoderTests
{
    static readonly Tokenizers.WhisperTokenizer s_tokenizer = SmallTokenizer.English;

    [Theory]
    [InlineData(true, 5)]
    [InlineData(false, 1)]
    [InlineData(false, 5)]
    [InlineData(true, 17)]
    public void Writes_what_the_main_model_would_write_alone(bool withoutTimestamps, int lookahead)
    {
        for (ulong seed = 0; seed < 20; seed++)
        {
            var hashed = LanguageModels.Hashed(seed);
            LanguageModel main = (window, tokens, logits) =>
            {
                hashed(window, tokens, logits);
                if (tokens.Length > 30) logits[s_tokenizer.EndOfText] += 6;
            };
            // A draft that often agrees, sometimes ends early, and sometimes does not know when to end.
            LanguageModel draft = (window, tokens, logits) =>
            {
                if ((ulong)tokens.Length % 5 == seed % 5) LanguageModels.Hashed(seed + 1000)(window, tokens, logits);
                else main(window, tokens, logits);
                if ((ulong)tokens.Length % 7 == seed % 7) logits[s_tokenizer.EndOfText] = seed % 2 == 0 ? 9 : -9;
            };
            Compare(
                main, draft,
                new DecodingOptions { BeamSize = 1, BestOf = 1, WithoutTimestamps = withoutTimestamps, Prompt = new[] { 65, 66 } },
                lookahead);
        }
    }

    [Fact]
    public void Stops_at_the_context_as_decoding_alone_does()
    {
        LanguageModel endless = (_, tokens, logits) =>
        {
            logits.Clear();
            logits[65 + (tokens.Length % 7)] = 1;
        };
        Compare(
            endless, endless, new DecodingOptions
            {
                BeamSize = 1,
                BestOf = 1,
                WithoutTimestamps = true,
                MaxNewTokens = 448,
                Prefix = new string('z', 300),
                Prompt = new int[300],
            }, 5);
        Compare(endless, endless, new DecodingOptions { BeamSize = 1, BestOf = 1, WithoutTimestamps = true, MaxNewTokens = 8 }, 5);
        Compare(endless, endless, new DecodingOptions { BeamSize = 1, BestOf = 1, WithoutTimestamps = true, MaxNewTokens = 1 }, 5);
    }

    [Fact]
    public void A_draft_that_agrees_saves_steps()
    {
        var script = Enumerable.Range(0, 20).Select(SmallTokenizer.Word).ToArray();
        var model = LanguageModels.Script(s_tokenizer, _ => script);
        var (speculative, steps) = Compare(model, model, new DecodingOptions { BeamSize = 1, BestOf = 1, WithoutTimestamps = true }, 4);
        Assert.Equal(speculative.Guessed, speculative.Accepted);
        Assert.InRange(steps, 4, 5); // 20 tokens, five at a time
    }

    [Fact]
    public void Refuses_models_of_different_vocabularies()
    {
        using var main = new ScriptedRuntime(s_tokenizer, LanguageModels.Hashed(1));
        using var draft = new ScriptedRuntime(SmallTokenizer.Multilingual, LanguageModels.Hashed(1));
        Assert.Contains(
            "vocabulary",
            Assert.Throws<ModelException>(() => new SpeculativeDecoder(main.Decoder, draft.Decoder, s_tokenizer, main.Generation)).Message);
    }

    static (SpeculativeDecoder Decoder, int Steps) Compare(LanguageModel main, LanguageModel draft, DecodingOptions options, int lookahead)
    {
        using var mainRuntime = new ScriptedRuntime(s_tokenizer, main);
        using var draftRuntime = new ScriptedRuntime(s_tokenizer, draft);
        using var audio = mainRuntime.Encode(new float[20], 20);
        using var draftAudio = draftRuntime.Encode(new float[20], 20);
        var alone = DecodingCalls.Task(mainRuntime, s_tokenizer).Run(audio, options);
        mainRuntime.Steps = 0;
        using var mainDecoder = mainRuntime.CreateDecoder(audio, 1);
        using var draftDecoder = draftRuntime.CreateDecoder(draftAudio, 1);
        var speculative = new SpeculativeDecoder(mainRuntime.Decoder, draftRuntime.Decoder, s_tokenizer, mainRuntime.Generation, lookahead);
        var result = speculative.Run(mainDecoder, draftDecoder, options);
        Assert.Equal(alone.Tokens, result.Tokens);
        Assert.Equal(alone.TokenLogprobs, result.TokenLogprobs);
        Assert.Equal(alone.AvgLogprob, result.AvgLogprob, 1e-6f);
        Assert.Equal(alone.NoSpeechProb, result.NoSpeechProb);
        return (speculative, mainRuntime.Steps);
    }
}
