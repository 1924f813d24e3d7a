using System.Numerics.Tensors;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;

namespace Earshot.Tests.Models;

public class ReducedPrecisionTests
{
    static readonly string[] s_clips =
    [
        "jfk.wav", "librispeech-train-clean-2136-5140-0000.wav", "kerstin-de_rhasspy-0773.flac", "nathalie-nl_rhasspy_1151.flac",
    ];

    static readonly Lazy<(float[] Features, int[] Tokens, int[] Choices)[]> s_exact = new(() =>
    [
        .. s_clips.Select(clip =>
        {
            var golden = WhisperGoldens.Clip("greedy.json", clip);
            int[] tokens =
            [
                .. golden.GetProperty("prompt").EnumerateArray().Select(token => token.GetInt32()), 50363,
                .. WhisperGoldens.Tokens(golden.GetProperty("no_timestamps")),
            ];
            var features = WhisperBase.Features(WhisperBase.Samples(clip));
            return (features, tokens, Choices(WhisperBase.Exact, features, tokens));
        }),
    ]);

    /// <summary>
    /// Share of positions, over the reference's greedy tokens of some clips (teacher forcing), at which the likeliest token is another
    /// than in float32 with the same values.
    /// </summary>
    [Theory]
    [InlineData("bf16", 0.02)]
    [InlineData("int8", 0.02)]
    public void Few_choices_change(string name, double most)
    {
        var format = WeightFormat.Parse(name);
        var exact = s_exact.Value;
        using var reduced = WhisperBase.Open(new CpuOptions { Weights = format });
        int changed = 0, positions = 0;
        foreach (var (features, tokens, expected) in exact)
        {
            int[] actual = Choices(reduced, features, tokens);
            // What follows the prompt's tokens but the last is given, not chosen.
            positions += tokens.Length - 3;
            changed += expected.Zip(actual).Skip(3).Count(pair => pair.First != pair.Second);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{changed} of {positions}");
        Assert.True(changed <= most * positions, $"{changed} of {positions} choices changed");
    }

    static int[] Choices(CpuModelRuntime runtime, float[] features, int[] tokens)
    {
        using var audio = runtime.Encode(features, 3000);
        using var decoder = runtime.CreateDecoder(audio, 1);
        var logits = new float[tokens.Length * decoder.VocabSize];
        decoder.Start(tokens, [.. Enumerable.Range(0, tokens.Length)], logits);
        return [.. Enumerable.Range(0, tokens.Length)
            .Select(i => TensorPrimitives.IndexOfMax(logits.AsSpan(i * decoder.VocabSize, decoder.VocabSize)))];
    }
}
