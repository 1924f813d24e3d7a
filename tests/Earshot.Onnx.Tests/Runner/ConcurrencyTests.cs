using Earshot.Models;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runner;
using Earshot.Onnx.Tests.Export;

namespace Earshot.Onnx.Tests.Runner;

public sealed class ConcurrencyTests
{
    [Fact]
    public void Concurrent_transcriptions_get_what_they_get_alone()
    {
        NativeRuntime.Require();
        using var exported = ExportFolder.Of(SmallWhisper.Config(), new GraphOptions());
        using var runtime = OnnxWhisperRuntime.Open(exported.Folder);
        var alone = Enumerable.Range(0, 4).Select(stream => Decode(runtime, stream)).ToArray();
        var together = new int[4][];
        var threads = Enumerable.Range(0, 4).Select(stream => new Thread(() => together[stream] = Decode(runtime, stream))).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.Equal(alone, together);
    }

    [Fact]
    public void A_cancelled_step_leaves_the_decoder_usable()
    {
        NativeRuntime.Require();
        using var exported = ExportFolder.Of(SmallWhisper.Config(), new GraphOptions());
        using var runtime = OnnxWhisperRuntime.Open(exported.Folder);
        using var audio = runtime.Encode(SmallWhisper.Features(runtime.Config, 200), 200);
        using var decoder = runtime.CreateDecoder(audio, 2);
        var (expected, actual) = (new float[2 * decoder.VocabSize], new float[2 * decoder.VocabSize]);
        decoder.Start([1, 2, 3], [2], expected);
        decoder.Step([4, 5], expected);
        decoder.Start([1, 2, 3], [2], actual);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() => decoder.Step([4, 5], actual, cancelled.Token));
        Assert.Throws<OperationCanceledException>(() => runtime.Encode(SmallWhisper.Features(runtime.Config, 200), 200, cancelled.Token));
        Assert.Equal(3, decoder.Length);
        decoder.Step([4, 5], actual);
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void What_cannot_be_is_said_before_anything_runs()
    {
        NativeRuntime.Require();
        var config = SmallWhisper.Config();
        using var exported = ExportFolder.Of(config, new GraphOptions());
        using var runtime = OnnxWhisperRuntime.Open(exported.Folder);
        Assert.Contains("even number", Assert.Throws<ModelException>(() => runtime.Encode(new float[80 * 3], 3)).Message, StringComparison.Ordinal);
        using var audio = runtime.Encode(SmallWhisper.Features(config, 200), 200);
        using var decoder = runtime.CreateDecoder(audio, 2);
        var logits = new float[3 * config.VocabSize];
        Assert.Contains("the prompt is empty", Assert.Throws<ModelException>(() => decoder.Start([], [], logits)).Message, StringComparison.Ordinal);
        Assert.Contains("context of 448", Assert.Throws<ModelException>(() => decoder.Start(new int[449], [448], logits)).Message, StringComparison.Ordinal);
        decoder.Start([1], [0], logits);
        Assert.Contains("a decoder of 2 rows", Assert.Throws<ModelException>(() => decoder.Step([1, 2, 3], logits)).Message, StringComparison.Ordinal);
        decoder.Step([1], logits);
        Assert.Contains("the last step had 1 rows", Assert.Throws<ModelException>(() => decoder.Step([1, 2], logits)).Message, StringComparison.Ordinal);
        Assert.Throws<ModelException>(() => decoder.Reorder([1, 0]));
    }

    static int[] Decode(WhisperRuntime runtime, int stream)
    {
        int frames = 200 + 40 * stream, vocabulary = runtime.Config.VocabSize;
        using var audio = runtime.Encode(SmallWhisper.Features(runtime.Config, frames), frames);
        using var decoder = runtime.CreateDecoder(audio, 2);
        var logits = new float[2 * vocabulary];
        decoder.Start([258, 259 + stream, 359], [2], logits);
        var tokens = new List<int>();
        int[] step = [Best(logits.AsSpan(0, vocabulary)), 100 + stream];
        for (int i = 0; i < 12 + 3 * stream; i++)
        {
            decoder.Step(step, logits);
            if (i % 4 == 3) decoder.Reorder([1, 0]);
            step = [Best(logits.AsSpan(0, vocabulary)), Best(logits.AsSpan(vocabulary))];
            tokens.AddRange(step);
        }
        return [.. tokens];
    }

    static int Best(ReadOnlySpan<float> logits) => System.Numerics.Tensors.TensorPrimitives.IndexOfMax(logits);
}
