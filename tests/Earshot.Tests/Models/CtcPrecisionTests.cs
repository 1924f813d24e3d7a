using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;
using Earshot.Models;

namespace Earshot.Tests.Models;

/// <summary>What fewer bits change of what a CTC model hears in recordings.</summary>
public sealed class CtcPrecisionTests
{
    static readonly string[] s_clips = ["jfk.wav", "librispeech-test-clean-1089-134686-0000.wav"];

    [Theory]
    [InlineData("base")]
    [InlineData("large")]
    [InlineData("hubert")]
    [InlineData("conformer-relative")]
    [InlineData("conformer-rotary")]
    public void Int8_hears_nearly_the_same(string name)
    {
        double dot = 0, plainSquares = 0, quantizedSquares = 0;
        int same = 0, positions = 0, clear = 0, clearSame = 0;
        foreach (var clip in s_clips)
        {
            var samples = Samples(clip);
            var (plain, vocabulary) = Logits(name, samples, WeightFormat.F32);
            var (quantized, _) = Logits(name, samples, WeightFormat.Int8);
            for (int i = 0; i < plain.Length; i++)
            {
                dot += (double)plain[i] * quantized[i];
                plainSquares += (double)plain[i] * plain[i];
                quantizedSquares += (double)quantized[i] * quantized[i];
            }
            float error = MathF.Sqrt(plain.Zip(quantized, (a, b) => (a - b) * (a - b)).Average());
            for (int at = 0; at < plain.Length; at += vocabulary, positions++)
            {
                bool isSame = Best(plain.AsSpan(at, vocabulary)) == Best(quantized.AsSpan(at, vocabulary));
                if (isSame) same++;
                // Random weights decide by a hair as often as not; trained ones hardly ever do.
                if (Margin(plain.AsSpan(at, vocabulary)) <= 4 * error) continue;
                clear++;
                if (isSame) clearSame++;
            }
        }
        double cosine = dot / Math.Sqrt(plainSquares * quantizedSquares), share = (double)clearSame / clear;
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{name}: cosine {cosine:0.000000}, same letters {(double)same / positions:0.0000} of {positions}, " +
            $"{share:0.0000} of {clear} clear");
        Assert.InRange(cosine, 0.999, 1.000001);
        Assert.True(clear > positions / 3, $"{clear} of {positions}");
        Assert.InRange(share, 0.995, 1);
    }

    // How far the best is from the second.
    static float Margin(ReadOnlySpan<float> row)
    {
        float best = float.NegativeInfinity, second = best;
        foreach (float value in row)
        {
            if (value > best) (best, second) = (value, best);
            else if (value > second) second = value;
        }
        return best - second;
    }

    static int Best(ReadOnlySpan<float> row) => System.Numerics.Tensors.TensorPrimitives.IndexOfMax(row);

    static float[] Samples(string clip)
    {
        using var stream = SampleStream.Open(TestData.Require($"audio/{clip}"));
        var samples = new float[16 * SampleStream.SampleRate];
        return samples[..stream.Read(samples)];
    }

    static (float[] Values, int Vocabulary) Logits(string name, float[] samples, WeightFormat format)
    {
        var folder = new ModelFolder(Wav2Vec2Tests.Folder(name));
        var model = ModelFamilies.Open(folder);
        using var weights = folder.OpenWeights();
        using var device = new CpuDevice(new CpuOptions { Threads = 2, Weights = format });
        using var runtime = new CpuModelRuntime(model.Parts, model.Prepare(weights), device);
        var features = new float[samples.Length];
        model.Features!.CreateExtractor().Compute(samples, features, features.Length);
        using var audio = runtime.Encode(features, features.Length);
        return (audio.Values.ToArray(), model.Parts.Ctc!.VocabSize);
    }
}
