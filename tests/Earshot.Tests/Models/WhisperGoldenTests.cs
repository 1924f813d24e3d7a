using System.Text.Json;
using Earshot.Features;

namespace Earshot.Tests.Models;

/// <summary>The real model, layer by layer, against the reference's numbers for one recording.</summary>
public class WhisperGoldenTests
{
    // Float32 sums in another order, as the goldens' README asks: the encoder's values reach 18, the logits 50.
    const double EncoderTolerance = 2e-3, LogitTolerance = 5e-3;

    // What is kept in float16 is rounded by half a unit in the last of its 11 bits.
    const double HalfRounding = 1.0 / 2048;

    [Fact]
    public void Features_match_the_reference_and_are_its_floor_where_nothing_is_heard()
    {
        var (expected, shape) = NpyFile.Read(WhisperGoldens.Array("jfk.log_mel_first1200.npy"));
        Assert.Equal([80, 1200], shape);
        var features = WhisperBase.Features(WhisperBase.Samples("jfk.wav"));
        var mels = new float[expected.Length];
        LogMelSpectrogram.Transpose(features.AsSpan(0, 1200 * 80), mels, 1200, 80);
        Compare(expected, mels, 1e-4);
        float floor = WhisperGoldens.Whole("jfk.json").GetProperty("log_mel_padding_value").GetSingle();
        Assert.All(features.Skip(1200 * 80), value => Assert.Equal(floor, value, 1e-4f));
    }

    [Fact]
    public void Encoder_matches_the_reference()
    {
        var encoded = WhisperBase.Exact.EncodeToArray(WhisperBase.Features(WhisperBase.Samples("jfk.wav")), 3000);
        var (first, _) = NpyFile.Read(WhisperGoldens.Array("jfk.encoder_first32.npy"));
        Compare(first, encoded.AsSpan(0, first.Length), EncoderTolerance);

        var golden = WhisperGoldens.Whole("jfk.json");
        float[] last = Floats(golden.GetProperty("encoder_row_1499_first8"));
        Compare(last, encoded.AsSpan(1499 * 512, last.Length), EncoderTolerance);
        double mean = encoded.Average(value => (double)value),
            deviation = Math.Sqrt(encoded.Average(value => (value - mean) * (value - mean)));
        Assert.Equal(golden.GetProperty("encoder_mean").GetDouble(), mean, 1e-4);
        Assert.Equal(golden.GetProperty("encoder_std").GetDouble(), deviation, 1e-3);

        var (more, _) = NpyFile.Read(WhisperGoldens.Array("jfk.encoder_first300.npy"));
        for (int i = 0; i < more.Length; i++) Assert.Equal(more[i], encoded[i], EncoderTolerance + HalfRounding * Math.Abs(more[i]));
    }

    [Fact]
    public void Logits_match_the_reference()
    {
        var golden = WhisperGoldens.Whole("jfk.json");
        int[] tokens = WhisperGoldens.Tokens(golden, "decoder_input");
        using var decoder = WhisperBase.Exact.CreateDecoder(WhisperBase.Jfk, 1);
        var logits = new float[tokens.Length * decoder.VocabSize];
        decoder.Start(tokens, Enumerable.Range(0, tokens.Length).ToArray(), logits);
        for (int position = 0; position < tokens.Length; position++)
        {
            int[] ids = [.. golden.GetProperty("top20_ids")[position].EnumerateArray().Select(id => id.GetInt32())];
            var row = logits.AsSpan(position * decoder.VocabSize, decoder.VocabSize).ToArray();
            Compare(Floats(golden.GetProperty("top20_logits")[position]), [.. ids.Select(id => row[id])], LogitTolerance);
            // No other token comes near: its logit is at most the twentieth's.
            float least = ids.Min(id => row[id]);
            Assert.All(
                row.Index().Where(logit => !ids.Contains(logit.Index)), logit => Assert.True(logit.Item <= least + 2 * LogitTolerance));
        }

        var (expected, shape) = NpyFile.Read(WhisperGoldens.Array("jfk.logits_first8.npy"));
        Assert.Equal([8, decoder.VocabSize], shape);
        Compare(expected, logits, LogitTolerance);
    }

    [Fact]
    public void Steps_give_the_logits_of_a_whole_prompt()
    {
        using var whole = WhisperBase.Exact.CreateDecoder(WhisperBase.Jfk, 1);
        using var stepped = WhisperBase.Exact.CreateDecoder(WhisperBase.Jfk, 3);
        int[] tokens = [50258, 50259, 50359, 50363, 400, 370, 452];
        var expected = new float[whole.VocabSize];
        whole.Start(tokens, [tokens.Length - 1], expected);
        var logits = new float[3 * whole.VocabSize];
        stepped.Start(tokens[..4], [3], logits);
        stepped.Step([11, 400, 50], logits);
        stepped.Reorder([1, 1, 0]);
        stepped.Step([370, 370, 7], logits);
        stepped.Reorder([2, 0, 1]);
        stepped.Step([9, 452, 452], logits);
        Assert.Equal(expected, logits.AsSpan(whole.VocabSize, whole.VocabSize).ToArray());
        Assert.Equal(expected, logits.AsSpan(2 * whole.VocabSize).ToArray());
    }

    static float[] Floats(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetSingle())];

    static void Compare(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        double worst = 0;
        for (int i = 0; i < expected.Length; i++) worst = Math.Max(worst, Math.Abs(expected[i] - actual[i]));
        TestContext.Current.TestOutputHelper?.WriteLine($"largest error {worst}");
        Assert.True(worst <= tolerance, $"largest error {worst}; expected at most {tolerance}");
    }
}
