using System.Text.Json;

namespace Earshot.Tests.Models;

public class WhisperGoldenTests
{
    // Float32 sums in another order: a thousandth of the values' scale, as the goldens ask.
    const float Tolerance = 1e-3f;

    [Fact]
    public void Encoder_matches_the_reference()
    {
        using var runtime = TinyEnglish.Open();
        var encoded = runtime.EncodeToArray(TinyEnglish.ReferenceFeatures(), 3000);
        var (expected, _) = NpyFile.Read(TestData.Require("goldens/whisper-tiny.en/jfk.encoder_first300.npy"));
        Compare(expected, encoded.AsSpan(0, expected.Length), Tolerance);
    }

    [Fact]
    public void Logits_match_the_reference()
    {
        using var runtime = TinyEnglish.Open();
        using var audio = runtime.Encode(TinyEnglish.ReferenceFeatures(), 3000);
        using var decoder = runtime.CreateDecoder(audio, 1);
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/whisper-tiny.en/jfk.json")));
        int[] tokens = [.. golden.RootElement.GetProperty("decoder_input").EnumerateArray().Select(token => token.GetInt32())];
        var logits = new float[tokens.Length * decoder.VocabSize];
        decoder.Start(tokens, Enumerable.Range(0, tokens.Length).ToArray(), logits);
        var (expected, shape) = NpyFile.Read(TestData.Require("goldens/whisper-tiny.en/jfk.logits_first8.npy"));
        Assert.Equal([8, decoder.VocabSize], shape);
        Compare(expected, logits, Tolerance);
    }

    [Fact]
    public void Steps_give_the_logits_of_a_whole_prompt()
    {
        using var runtime = TinyEnglish.Open();
        using var audio = runtime.Encode(TinyEnglish.ReferenceFeatures(), 3000);
        using var whole = runtime.CreateDecoder(audio, 1);
        using var stepped = runtime.CreateDecoder(audio, 3);
        int[] tokens = [50257, 50362, 843, 523, 616];
        var expected = new float[whole.VocabSize];
        whole.Start(tokens, [tokens.Length - 1], expected);
        var logits = new float[3 * whole.VocabSize];
        stepped.Start(tokens.AsSpan(0, 2), [1], logits);
        stepped.Step([11, 843, 50], logits);
        stepped.Reorder([1, 1, 0]);
        stepped.Step([523, 523, 7], logits);
        stepped.Reorder([2, 0, 1]);
        stepped.Step([9, 616, 616], logits);
        Assert.Equal(expected, logits.AsSpan(whole.VocabSize, whole.VocabSize).ToArray());
        Assert.Equal(expected, logits.AsSpan(2 * whole.VocabSize).ToArray());
    }

    static void Compare(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, float tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        float scale = 0, worst = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            scale = MathF.Max(scale, MathF.Abs(expected[i]));
            worst = MathF.Max(worst, MathF.Abs(expected[i] - actual[i]));
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"scale {scale}, worst error {worst}");
        Assert.True(worst <= tolerance * scale, $"largest error {worst} on values up to {scale}");
    }
}
