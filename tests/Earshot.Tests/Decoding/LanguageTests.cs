using System.Text.Json;
using Earshot.Recognition;
using Earshot.Tests.Models;

namespace Earshot.Tests.Decoding;

/// <summary>The languages that the real model hears, in float32, against the reference's probabilities of all 99.</summary>
public class LanguageTests
{
    [Theory]
    [InlineData("jfk.wav")]
    [InlineData("kerstin-de_rhasspy-0773.flac")]
    [InlineData("two-speakers.wav")]
    public void Three_seconds_sound_like_the_references_languages(string clip)
    {
        var expected = WhisperGoldens.Clip("languages.json", clip).GetProperty("first_3s");
        using var audio = WhisperBase.Encode(WhisperBase.Samples(clip)[..48_000]);
        using var decoder = WhisperBase.Exact.CreateDecoder(audio, 1);
        Check(expected, DecodingCalls.Detect(decoder, WhisperBase.Tokenizer));
    }

    internal static void Check(JsonElement expected, LanguageDetection actual)
    {
        Assert.Equal(expected.GetProperty("best").GetString(), actual.Language);
        Assert.Equal(expected.GetProperty("p_best").GetDouble(), actual.Probability, WhisperGoldens.ProbabilityTolerance);
        double[] probabilities = [.. expected.GetProperty("probabilities").EnumerateArray().Select(value => value.GetDouble())];
        Assert.Equal(99, probabilities.Length);
        Assert.Equal(99, actual.Probabilities.Count);
        string[] codes =
        [
            .. WhisperGoldens.Whole("languages.json").GetProperty("codes").EnumerateArray().Select(code => code.GetString()!)
        ];
        for (int i = 0; i < probabilities.Length; i++)
            Assert.Equal(probabilities[i], actual.Probabilities[codes[i]], WhisperGoldens.ProbabilityTolerance);
    }
}
