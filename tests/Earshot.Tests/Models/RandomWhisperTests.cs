using Earshot.Compute;
using Earshot.Compute.Runtimes;
using Earshot.Models;

namespace Earshot.Tests.Models;

public class RandomWhisperTests
{
    /// <summary>A multilingual model with the real vocabulary and small layers.</summary>
    internal static WhisperConfig Small(int mels = 80, int vocabulary = 51865) => WhisperShapes.Named("tiny") with
    {
        DModel = 64,
        EncoderLayers = 2,
        DecoderLayers = 2,
        EncoderAttentionHeads = 2,
        DecoderAttentionHeads = 4,
        EncoderFfnDim = 96,
        DecoderFfnDim = 160,
        NumMelBins = mels,
        VocabSize = vocabulary,
    };

    internal static CpuModelRuntime Open(WhisperConfig config, ulong seed = 1, RuntimeLimits? limits = null) =>
        new(WhisperFamily.OfShape(config).Parts, new RandomTensors(new RandomTensorOptions { Seed = seed }), limits: limits);

    [Theory]
    [InlineData(80, 51865)]
    [InlineData(128, 51866)]
    public void Multilingual_shapes_run_from_features_to_logits(int mels, int vocabulary)
    {
        var config = Small(mels, vocabulary);
        using var runtime = Open(config);
        using var audio = runtime.Encode(Features(config, 3000), 3000);
        Assert.Equal(1500, audio.Positions);
        using var decoder = runtime.CreateDecoder(audio, 1);
        var logits = new float[vocabulary];
        decoder.Start([50258, 50259, 50359], [2], logits);
        Assert.All(logits, value => Assert.True(float.IsFinite(value)));
        Assert.True(logits.Distinct().Count() > vocabulary / 2);
    }

    [Fact]
    public void Shorter_windows_have_fewer_positions()
    {
        var config = Small();
        using var runtime = Open(config);
        using var audio = runtime.Encode(Features(config, 500), 500);
        Assert.Equal(250, audio.Positions);
    }

    [Fact]
    public void Concurrent_decoders_get_what_they_get_alone()
    {
        var config = Small();
        using var runtime = Open(config);
        var alone = Enumerable.Range(0, 6).Select(stream => Decode(runtime, config, stream)).ToArray();
        var together = new int[6][];
        var threads =
            Enumerable.Range(0, 6).Select(stream => new Thread(() => together[stream] = Decode(runtime, config, stream))).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.Equal(alone, together);
    }

    [Fact]
    public void A_cancelled_step_leaves_the_runtime_usable()
    {
        var config = Small();
        using var runtime = Open(config);
        using var audio = runtime.Encode(Features(config, 200), 200);
        using var cancelled = new CancellationTokenSource();
        using (var decoder = runtime.CreateDecoder(audio, 1))
        {
            cancelled.Cancel();
            Assert.ThrowsAny<OperationCanceledException>(() => decoder.Start([50258], [0], new float[config.VocabSize], cancelled.Token));
        }
        Assert.NotEmpty(Decode(runtime, config, 1));
    }

    [Fact]
    public void A_full_queue_refuses_and_a_cancelled_wait_leaves_it()
    {
        var config = Small();
        using var runtime = Open(config, limits: new RuntimeLimits { Windows = 1, Waiting = 1 });
        var features = Features(config, 200);
        using var cancelled = new CancellationTokenSource();
        using (runtime.Encode(features, 200))
        {
            var waiting = Task.Run(() => runtime.Encode(features, 200, cancelled.Token));
            Assert.True(SpinWait.SpinUntil(() => runtime.Waiting == 1, TimeSpan.FromSeconds(60)));
            Assert.Contains(
                "1 wait for windows", Assert.Throws<OverloadedException>(() => runtime.Encode(features, 200)).Message,
                StringComparison.Ordinal);
            cancelled.Cancel();
            Assert.ThrowsAny<OperationCanceledException>(() => waiting.GetAwaiter().GetResult());
        }
        runtime.Encode(features, 200).Dispose();
    }

    [Fact]
    public void Asking_for_more_rows_than_there_are_says_so()
    {
        var config = Small();
        using var runtime = Open(config, limits: new RuntimeLimits { Rows = 4 });
        using var audio = runtime.Encode(Features(config, 200), 200);
        var exception = Assert.Throws<ModelException>(() => runtime.CreateDecoder(audio, 5));
        Assert.Contains("5 sequences at once were asked for", exception.Message, StringComparison.Ordinal);
    }

    // Greedy with a bend by the stream, so that each goes its own way and has its own length.
    static int[] Decode(CpuModelRuntime runtime, WhisperConfig config, int stream)
    {
        using var audio = runtime.Encode(Features(config, 200 + 40 * stream), 200 + 40 * stream);
        using var decoder = runtime.CreateDecoder(audio, 2);
        var logits = new float[2 * config.VocabSize];
        decoder.Start([50258, 50259 + stream, 50359], [2], logits);
        var tokens = new List<int>();
        int[] step = [Best(logits.AsSpan(0, config.VocabSize)), 100 + stream];
        for (int i = 0; i < 12 + 3 * stream; i++)
        {
            decoder.Step(step, logits);
            if (i % 4 == 3) decoder.Reorder([1, 0]);
            step = [Best(logits.AsSpan(0, config.VocabSize)), Best(logits.AsSpan(config.VocabSize))];
            tokens.AddRange(step);
        }
        return [.. tokens];
    }

    static int Best(ReadOnlySpan<float> logits) => System.Numerics.Tensors.TensorPrimitives.IndexOfMax(logits);

    static float[] Features(WhisperConfig config, int frames)
    {
        var random = new Random(frames);
        return [.. Enumerable.Range(0, frames * config.NumMelBins).Select(_ => random.NextSingle() * 2 - 1)];
    }
}
