using Earshot.Models;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runner;
using Earshot.Onnx.Tests.Export;

namespace Earshot.Onnx.Tests.Runner;

public sealed class OnnxWhisperRuntimeTests
{
    const float Tolerance = 2e-4f;

    [Theory]
    [InlineData(GraphTarget.Portable, 80)]
    [InlineData(GraphTarget.OnnxRuntime, 80)]
    [InlineData(GraphTarget.OnnxRuntime, 128)]
    public void Prompts_steps_reordering_and_alignment_give_what_the_cpu_backend_gives(GraphTarget target, int mels)
    {
        NativeRuntime.Require();
        var config = SmallWhisper.Config(mels);
        using var exported = ExportFolder.Of(config, new GraphOptions { Target = target });
        using var expected = SmallWhisper.Runtime(config);
        using var actual = OnnxWhisperRuntime.Open(exported.Folder);
        Assert.Equal(expected.Generation.AlignmentHeads, actual.Generation.AlignmentHeads);
        foreach (int frames in new[] { 400, 3000 }) Compare(expected, actual, SmallWhisper.Features(config, frames), frames);
    }

    [Fact]
    public void The_real_model_gives_what_the_cpu_backend_gives()
    {
        NativeRuntime.Require();
        using var real = new WhisperBase();
        using var exported = ExportFolder.OfWhisperBase(new GraphOptions());
        using var expected = real.OpenRuntime();
        using var actual = OnnxWhisperRuntime.Open(exported.Folder);
        Compare(expected, actual, WhisperBase.Features("jfk.wav", 1200), 1200);
    }

    static void Compare(WhisperRuntime expected, WhisperRuntime actual, float[] features, int frames)
    {
        var (left, right) = (Record(expected, features, frames), Record(actual, features, frames));
        Assert.Equal(left.Count, right.Count);
        foreach (var ((what, want), (_, got)) in left.Zip(right)) Closeness.Check(want, got, Tolerance, $"{frames} frames, {what}:");
    }

    // Everything that a decoder can be asked, with tokens that do not depend on the results.
    static List<(string What, float[] Values)> Record(WhisperRuntime runtime, float[] features, int frames)
    {
        var results = new List<(string, float[])>();
        int vocabulary = runtime.Config.VocabSize;
        using var audio = runtime.Encode(features, frames);
        using var decoder = runtime.CreateDecoder(audio, 3);
        float[] Take(string what, int rows, Action<float[]> run)
        {
            var logits = new float[rows * vocabulary];
            run(logits);
            results.Add((what, logits));
            return logits;
        }

        Take("prompt at two positions", 2, logits => decoder.Start([50, 60, 70, 80, 90], [1, 4], logits));
        Assert.Equal(5, decoder.Length);
        Take("first step of three rows", 3, logits => decoder.Step([11, 12, 13], logits));
        decoder.Reorder([2, 0, 2]);
        Take("step after reordering", 3, logits => decoder.Step([21, 22, 23], logits));
        decoder.Reorder([1, 2]);
        Take("step of two rows", 2, logits => decoder.Step([31, 32], logits));
        decoder.Reorder([1, 0, 0]);
        Take("step of three rows again", 3, logits => decoder.Step([41, 42, 43], logits));
        decoder.Truncate(6);
        Take("step after forgetting", 3, logits => decoder.Step([51, 52, 53], logits));
        Assert.Equal(7, decoder.Length);
        Take("extension of the first row", 4, logits => decoder.Extend([61, 62, 63, 64], logits));
        decoder.Truncate(9);
        Take("extension after forgetting", 2, logits => decoder.Extend([71, 72], logits));
        Take("another prompt", 1, logits => decoder.Start([5, 6], [1], logits));
        decoder.Reorder([0, 0, 0]);
        Take("step of the first row", 1, logits => decoder.Step([7], logits));
        int[] tokens = [50, 51, 52, 53, 54, 55, 56];
        Take("teacher-forced logits", 7, logits => results.Add(("attention", decoder.Align(tokens, logits))));
        results.Add(("attention without logits", decoder.Align(tokens, [])));
        return results;
    }
}
