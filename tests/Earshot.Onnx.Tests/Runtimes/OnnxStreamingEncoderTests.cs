using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Onnx.Export;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtimes;
using Earshot.Onnx.Tests.Export;
using Earshot.Onnx.Tests.Parts;

namespace Earshot.Onnx.Tests.Runtimes;

public sealed class OnnxStreamingEncoderTests
{
    const int Chunks = 5;

    static readonly SmallSizes s_sizes = new() { Width = 24 };

    static readonly Dictionary<string, ModelParts> s_models = new()
    {
        ["features"] = new() { Encoder = new SmallStreamingEncoder(8) },
        ["samples"] = new() { Encoder = new SmallStreamingEncoder(1) },
        ["attention to all that was heard"] = new() { Encoder = new SmallStreamingEncoder(8, attends: true) },
        ["a convolution that reaches back to nothing"] = new() { Encoder = new SmallStreamingEncoder(8, kernel: 2) },
        ["a head"] = new() { Encoder = new SmallStreamingEncoder(8), Ctc = new SmallCtc(s_sizes) },
        ["a projector"] = new() { Encoder = new SmallStreamingEncoder(8), Projector = new SmallProjector(s_sizes) },
    };

    public static TheoryData<string, GraphTarget> Models()
    {
        var data = new TheoryData<string, GraphTarget>();
        foreach (var name in s_models.Keys)
        {
            data.Add(name, GraphTarget.Portable);
            data.Add(name, GraphTarget.OnnxRuntime);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Interleaved_streams_give_what_the_cpu_backend_gives_of_them_and_of_the_whole(string name, GraphTarget target)
    {
        NativeRuntime.Require();
        var parts = s_models[name];
        var weights = Weights(parts);
        using var exported = ExportFolder.Of(parts, weights, new GraphOptions { Target = target });
        using var expected = new CpuModelRuntime(parts, weights);
        using var actual = exported.Open(parts);
        float[][] sounds = [Sound(parts, 1), Sound(parts, 2)];
        var (want, got) = (await StreamAsync(expected, sounds), await StreamAsync(actual, sounds));
        for (int i = 0; i < sounds.Length; i++)
        {
            Closeness.Check(want[i], got[i], 1e-4f, $"{name}, stream {i}");
            using var whole = await expected.RequireEncoder().EncodeAsync(sounds[i], Chunks * 16, TestContext.Current.CancellationToken);
            Closeness.Check(whole.Values.Span, got[i], 1e-4f, $"{name}, stream {i} as a whole");
        }
    }

    [Fact]
    public async Task States_of_half_precision_are_carried_too()
    {
        NativeRuntime.Require();
        var parts = s_models["attention to all that was heard"];
        var weights = Weights(parts);
        using var exported = ExportFolder.Of(parts, weights, new GraphOptions { Precision = GraphPrecision.Float16 });
        using var expected = new CpuModelRuntime(parts, weights);
        using var actual = exported.Open(parts);
        float[][] sounds = [Sound(parts, 1)];
        var (want, got) = (await StreamAsync(expected, sounds), await StreamAsync(actual, sounds));
        Closeness.Check(want[0], got[0], 1e-2f);
    }

    [Fact]
    public async Task A_chunk_that_was_cancelled_while_it_waited_can_be_pushed_again()
    {
        NativeRuntime.Require();
        var parts = s_models["features"];
        using var exported = ExportFolder.Of(parts, Weights(parts));
        using var runtime = exported.Open(parts);
        var sound = Sound(parts, 1);
        float[] expected = (await StreamAsync(runtime, [sound]))[0];
        var line = ((OnnxStreamingEncoderRuntime)runtime.Streaming!).Line;
        using var stream = await runtime.Streaming!.BeginAsync(TestContext.Current.CancellationToken);
        var values = new List<float>();
        for (int chunk = 0; chunk < Chunks; chunk++)
        {
            using var hold = new HeldLine(line);
            using var source = new CancellationTokenSource();
            var waiting = stream.PushAsync(Chunk(sound, chunk), source.Token).AsTask();
            Assert.Equal(1, line.Waiting);
            Assert.Contains(
                "still being encoded", (await Assert.ThrowsAsync<ModelException>(() =>
                    stream.PushAsync(Chunk(sound, chunk), TestContext.Current.CancellationToken).AsTask())).Message,
                StringComparison.Ordinal);
            source.Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
            var again = stream.PushAsync(Chunk(sound, chunk), TestContext.Current.CancellationToken).AsTask();
            await hold.EndAsync();
            values.AddRange(await again);
        }
        Assert.Equal(expected, values);
    }

    [Fact]
    public async Task A_stream_that_is_disposed_of_while_its_chunk_waits_ends_after_it_and_gives_its_place_back()
    {
        NativeRuntime.Require();
        var parts = s_models["features"];
        using var exported = ExportFolder.Of(parts, Weights(parts));
        using var runtime = exported.Open(parts, new OnnxModelOptions { Limits = new RuntimeLimits { Rows = 1 } });
        var sound = Sound(parts, 1);
        var streaming = (OnnxStreamingEncoderRuntime)runtime.Streaming!;
        var stream = await streaming.BeginAsync(TestContext.Current.CancellationToken);
        var next = streaming.BeginAsync(TestContext.Current.CancellationToken).AsTask();
        Assert.False(next.IsCompleted);
        using (var hold = new HeldLine(streaming.Line))
        {
            var waiting = stream.PushAsync(Chunk(sound, 0), TestContext.Current.CancellationToken).AsTask();
            stream.Dispose();
            await hold.EndAsync();
            Assert.Equal(8 * 24, (await waiting).Length);
        }
        await Assert.ThrowsAsync<ObjectDisposedException>(
            () => stream.PushAsync(Chunk(sound, 1), TestContext.Current.CancellationToken).AsTask());
        using var second = await next;
        Assert.NotNull(await second.PushAsync(Chunk(sound, 0), TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Graphs_that_do_not_fit_the_parts_are_refused_with_what_was_expected()
    {
        NativeRuntime.Require();
        var parts = s_models["features"];
        using var exported = ExportFolder.Of(parts, Weights(parts));
        var options = new Earshot.Onnx.Native.OnnxSessionOptions();
        void Refused(ModelParts other, string message)
        {
            var error = Assert.Throws<CheckpointException>(() => new OnnxStreamingEncoderRuntime(
                exported.Folder, "streaming_encoder_model.onnx", other, options, new OnnxModelOptions()));
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
            Assert.Contains("streaming_encoder_model.onnx", error.Message, StringComparison.Ordinal);
            Assert.Contains("export the model again", error.Message, StringComparison.Ordinal);
        }
        Refused(s_models["samples"], "has no input 'input_values'; expected one of (?, 16)");
        Refused(s_models["a head"], "has no output 'logits'; expected one of (?, 8, 29)");
        Refused(
            new ModelParts { Encoder = new SmallStreamingEncoder(8, width: 32) },
            "has the output last_hidden_state: Float32(batch, 8, 24); expected (?, 8, 32)");
        Refused(s_models["attention to all that was heard"], "has no input 'past.cache.2.key'");
        using var attending = ExportFolder.Of(
            s_models["attention to all that was heard"], Weights(s_models["attention to all that was heard"]));
        File.Copy(
            Path.Combine(attending.Folder, "streaming_encoder_model.onnx"),
            Path.Combine(exported.Folder, "streaming_encoder_model.onnx"), overwrite: true);
        File.Copy(
            Path.Combine(attending.Folder, OnnxExporter.WeightsName),
            Path.Combine(exported.Folder, OnnxExporter.WeightsName), overwrite: true);
        Refused(
            parts,
            "has the input past.cache.2.key: Float32(batch, 2, past_length, 12); expected only input_features, past.tail.0.frames");
    }

    [Fact]
    public async Task What_was_exported_without_streams_hears_whole_windows()
    {
        NativeRuntime.Require();
        var parts = s_models["features"];
        using var exported = ExportFolder.Of(parts, Weights(parts));
        var manifest = Path.Combine(exported.Folder, ExportManifest.FileName);
        Assert.Equal("streaming_encoder_model.onnx", ExportManifest.Load(exported.Folder).StreamingEncoder);
        File.WriteAllText(manifest, File.ReadAllText(manifest).Replace("\"streaming_encoder\"", "\"unknown\"", StringComparison.Ordinal));
        using var without = exported.Open(parts);
        Assert.Null(without.Streaming);
        using var whole = await without.RequireEncoder().EncodeAsync(Sound(parts, 1), Chunks * 16, TestContext.Current.CancellationToken);
        Assert.Equal(Chunks * 8, whole.Positions);
        var graphs = new ModelGraphs("small", SmallModel.WithHead(), SmallModel.Weights(SmallModel.Samples));
        Assert.Contains("no streaming encoder", Assert.Throws<ModelException>(graphs.StreamingEncoder).Message, StringComparison.Ordinal);
    }

    // One chunk of each stream in turn.
    static async Task<float[][]> StreamAsync(ModelRuntime runtime, float[][] sounds)
    {
        var streams = new List<EncoderStream>();
        List<float>[] values = [.. sounds.Select(_ => new List<float>())];
        foreach (var _ in sounds) streams.Add(await runtime.Streaming!.BeginAsync(TestContext.Current.CancellationToken));
        for (int chunk = 0; chunk < Chunks; chunk++)
        {
            for (int i = 0; i < sounds.Length; i++)
                values[i].AddRange(await streams[i].PushAsync(Chunk(sounds[i], chunk), TestContext.Current.CancellationToken));
        }
        foreach (var stream in streams) stream.Dispose();
        return [.. values.Select(stream => stream.ToArray())];
    }

    static Memory<float> Chunk(float[] sound, int chunk) => sound.AsMemory(chunk * sound.Length / Chunks, sound.Length / Chunks);

    static float[] Sound(ModelParts parts, int seed) => SmallModel.Features(parts.Encoder!.Shape.InputSize, Chunks * 16, seed);

    static RandomTensors Weights(ModelParts parts) => RandomTensors.For(parts, options: new() { Type = DType.F32 });
}
