using System.Numerics.Tensors;
using System.Text.Json;
using Earshot.Audio;
using Earshot.Compute.Cpu;
using Earshot.Features;
using Earshot.Models;

namespace Earshot.Tests.Models;

public class ReducedPrecisionTests
{
    const int EndOfText = 50256;

    /// <summary>
    /// Share of positions, over the reference's greedy tokens of all clips (teacher forcing), at which the likeliest token is another
    /// than in float32.
    /// </summary>
    [Theory]
    [InlineData(WeightFormat.BF16, 0.02)]
    [InlineData(WeightFormat.Int8, 0.02)]
    public void Few_choices_change(WeightFormat format, double most)
    {
        using var exact = TinyEnglish.Open();
        using var reduced = TinyEnglish.Open(new CpuOptions { Weights = format });
        int changed = 0, positions = 0;
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/whisper-tiny.en/greedy.json")));
        foreach (var clip in golden.RootElement.GetProperty("clips").EnumerateObject())
        {
            var features = Features(clip.Name);
            int[] tokens = [.. clip.Value.GetProperty("tokens").EnumerateArray().Select(token => token.GetInt32()).TakeWhile(token => token != EndOfText)];
            int[] expected = Choices(exact, features, tokens), actual = Choices(reduced, features, tokens);
            // What follows the start of the transcript is given, not chosen.
            positions += tokens.Length - 1;
            changed += expected.Zip(actual).Skip(1).Count(pair => pair.First != pair.Second);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{changed} of {positions}");
        Assert.True(changed <= most * positions, $"{changed} of {positions} choices changed");
    }

    static int[] Choices(CpuWhisperRuntime runtime, float[] features, int[] tokens)
    {
        using var audio = runtime.Encode(features, 3000);
        using var decoder = runtime.CreateDecoder(audio, 1);
        var logits = new float[tokens.Length * decoder.VocabSize];
        decoder.Start(tokens, [.. Enumerable.Range(0, tokens.Length)], logits);
        return [.. Enumerable.Range(0, tokens.Length).Select(i => TensorPrimitives.IndexOfMax(logits.AsSpan(i * decoder.VocabSize, decoder.VocabSize)))];
    }

    static float[] Features(string clip)
    {
        var samples = new float[LogMelSpectrogram.WindowSamples];
        AudioFile.Load(TestData.Require($"audio/{clip}")).CopyTo(samples, 0);
        var features = new float[3000 * 80];
        new LogMelSpectrogram(80).Compute(samples, features, 3000, after: new float[LogMelSpectrogram.SamplesAfter]);
        return features;
    }
}
