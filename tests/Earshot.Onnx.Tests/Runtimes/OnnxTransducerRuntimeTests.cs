using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Onnx.Export;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtimes;
using Earshot.Onnx.Tests.Export;

namespace Earshot.Onnx.Tests.Runtimes;

/// <summary>Greedy decoding in ONNX Runtime beside the CPU backend and the reference: tiny Parakeets, and a small transducer.</summary>
public sealed class OnnxTransducerRuntimeTests
{
    const int Width = 16;

    static readonly ModelParts s_parts = Small();

    public static TheoryData<string, GraphTarget> Models() => new()
    {
        { "rnnt", GraphTarget.Portable },
        { "rnnt", GraphTarget.OnnxRuntime },
        { "tdt", GraphTarget.Portable },
        { "tdt", GraphTarget.OnnxRuntime },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Tokens_frames_and_durations_are_the_reference_s_however_the_sound_is_cut(string name, GraphTarget target)
    {
        NativeRuntime.Require();
        var goldens = Path.Combine(TestData.Require("goldens/parakeet-tiny"), name);
        using var weights = new ModelFolder(goldens).OpenWeights();
        var parts = new ModelParts { Transducer = Parakeet(name) };
        using var exported = ExportFolder.Of(parts, weights, new GraphOptions { Target = target });
        using var cpu = new CpuModelRuntime(parts, weights);
        using var onnx = exported.Open(parts);
        using var outputs = JsonDocument.Parse(File.ReadAllText(Path.Combine(goldens, "outputs.json")));
        foreach (var recording in (string[])["a", "b", "batch"])
        {
            var encoded = NpyFile.Read(Path.Combine(goldens, $"{recording}.encoded.npy"));
            int frames = encoded.Shape[1], item = 0;
            int[] valid = Integers(outputs.RootElement.GetProperty($"{recording}.lengths"), "encoder_frames_valid");
            foreach (var expected in outputs.RootElement.GetProperty(recording).EnumerateArray())
            {
                var sound = encoded.Values.AsMemory(item * frames * 32, valid[item] * 32);
                var want = await DecodeAsync(cpu, sound, 32, valid[item]);
                foreach (int piece in (int[])[valid[item], 1, 5])
                {
                    var got = await DecodeAsync(onnx, sound, 32, piece);
                    Assert.Equal(Integers(expected, "tokens"), got.Select(token => token.Id));
                    Assert.Equal(Integers(expected, "frames"), got.Select(token => token.Position));
                    Same(want, got);
                }
                item++;
            }
            Assert.Equal(valid.Length, item);
        }
        Assert.True(onnx.Times is { Windows: 0, Steps: > 20, Decoding.Ticks: > 0 });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Streams_at_once_do_not_disturb_each_other(int atOnce)
    {
        NativeRuntime.Require();
        using var exported = ExportFolder.Of(s_parts, Weights());
        using var cpu = new CpuModelRuntime(s_parts, Weights());
        using var onnx = exported.Open(s_parts, new OnnxModelOptions { StepsAtOnce = atOnce });
        var sounds = Enumerable.Range(1, 6).Select(seed => Sound(200, seed)).ToArray();
        var together = await Task.WhenAll(sounds.Select(sound => Task.Run(() => DecodeAsync(onnx, sound, Width, 50))));
        for (int i = 0; i < sounds.Length; i++)
        {
            var alone = await DecodeAsync(cpu, sounds[i], Width, 200);
            Assert.True(alone.Count > 20 && alone.Select(token => token.Id).Distinct().Count() > 2);
            Same(alone, together[i]);
        }
        Assert.Equal(24, onnx.Times!.Value.Steps);
    }

    [Fact]
    public async Task What_was_said_elsewhere_can_be_told()
    {
        NativeRuntime.Require();
        using var exported = ExportFolder.Of(s_parts, Weights());
        using var runtime = exported.Open(s_parts);
        var sound = Sound(200, 3);
        using var whole = runtime.RequireTransducer().Begin();
        var first = await whole.DecodeAsync(sound.AsMemory(0, 100 * Width), 100, TestContext.Current.CancellationToken);
        var rest = await whole.DecodeAsync(sound.AsMemory(100 * Width), 100, TestContext.Current.CancellationToken);
        using var later = runtime.RequireTransducer().Begin();
        await later.SayAsync(first.Select(token => token.Id).ToArray(), TestContext.Current.CancellationToken);
        var said = await later.DecodeAsync(sound.AsMemory(100 * Width), 100, TestContext.Current.CancellationToken);
        // Durations may have taken positions of the second half already.
        int ahead = Math.Max(0, first[^1].Position + Math.Max(1, first[^1].Duration) - 100);
        Assert.Equal(0, ahead);
        Same([.. rest.Select(token => token with { Position = token.Position - 100 })], [.. said]);
    }

    [Fact]
    public async Task Who_gives_up_waiting_ends_at_once_and_whose_stream_is_cut_short_begins_anew()
    {
        NativeRuntime.Require();
        using var exported = ExportFolder.Of(s_parts, Weights());
        using var runtime = exported.Open(s_parts);
        var line = ((OnnxTransducerRuntime)runtime.RequireTransducer()).Line;
        var sound = Sound(40, 1);
        using var stream = runtime.RequireTransducer().Begin();
        using (var hold = new HeldLine(line))
        {
            using var source = new CancellationTokenSource();
            var waiting = stream.DecodeAsync(sound, 40, source.Token).AsTask();
            Assert.Equal(1, line.Waiting);
            source.Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
            Assert.Equal(0, line.Waiting);
            await hold.EndAsync();
        }
        var error = await Assert.ThrowsAsync<ModelException>(
            () => stream.DecodeAsync(sound, 40, TestContext.Current.CancellationToken).AsTask());
        Assert.Contains("begin a new stream", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, runtime.Times!.Value.Steps);
        Assert.NotEmpty(await DecodeAsync(runtime, sound, Width, 40));
    }

    [Fact]
    public async Task A_stream_that_is_disposed_of_while_it_waits_is_not_run()
    {
        NativeRuntime.Require();
        using var exported = ExportFolder.Of(s_parts, Weights());
        using var runtime = exported.Open(s_parts);
        var stream = runtime.RequireTransducer().Begin();
        using var hold = new HeldLine(((OnnxTransducerRuntime)runtime.RequireTransducer()).Line);
        var waiting = stream.DecodeAsync(Sound(40, 1), 40, TestContext.Current.CancellationToken).AsTask();
        stream.Dispose();
        await hold.EndAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
    }

    [Fact]
    public void Graphs_that_do_not_fit_the_parts_are_refused_with_what_was_expected()
    {
        NativeRuntime.Require();
        using var exported = ExportFolder.Of(s_parts, Weights());
        void Refused(ModelParts parts, string graph, string message)
        {
            var error = Assert.Throws<CheckpointException>(() => exported.Open(parts));
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
            Assert.Contains(graph, error.Message, StringComparison.Ordinal);
            Assert.Matches("[Ee]xport (the model|it) again", error.Message);
        }
        Refused(Small(width: 13), "predictor_model.onnx", "has the output predicted: Float32(batch, 12); expected (?, 13)");
        Refused(Small(vocabulary: 11), "joiner_model.onnx", "has the output logits: Float32(batch, 13); expected (?, 14)");
        Refused(Small(states: [8, 9]), "predictor_model.onnx", "has the input past_states.1.hidden: Float32(batch, 8); expected (?, 9)");
        Refused(Small(states: [8, 8, 8]), "predictor_model.onnx", "has no input 'past_states.2.hidden'");
        Refused(
            Small(states: [8]), "predictor_model.onnx",
            "has the input past_states.1.hidden: Float32(batch, 8); expected only input_ids, past_states.0.hidden, past_states.0.cell");
        File.Delete(Path.Combine(exported.Folder, "joiner_model.onnx"));
        Refused(s_parts, "joiner_model.onnx", "which its manifest names");
        var manifest = Path.Combine(exported.Folder, ExportManifest.FileName);
        File.WriteAllText(manifest, File.ReadAllText(manifest).Replace("\"joiner\"", "\"unknown\"", StringComparison.Ordinal));
        Refused(s_parts, exported.Folder, "exported without a transducer");
    }

    static async Task<List<TransducerToken>> DecodeAsync(ModelRuntime runtime, ReadOnlyMemory<float> sound, int width, int piece)
    {
        using var stream = runtime.RequireTransducer().Begin();
        var tokens = new List<TransducerToken>();
        for (int first = 0, count; first * width < sound.Length; first += count)
        {
            count = Math.Min(piece, sound.Length / width - first);
            tokens.AddRange(await stream.DecodeAsync(sound.Slice(first * width, count * width), count));
        }
        return tokens;
    }

    static void Same(List<TransducerToken> expected, List<TransducerToken> actual)
    {
        Assert.Equal(
            expected.Select(token => (token.Id, token.Position, token.Duration)),
            actual.Select(token => (token.Id, token.Position, token.Duration)));
        for (int i = 0; i < actual.Count; i++) Assert.Equal(expected[i].Logprob, actual[i].Logprob, 1e-4f);
    }

    static int[] Integers(JsonElement element, string name) =>
        [.. element.GetProperty(name).EnumerateArray().Select(value => value.GetInt32())];

    static float[] Sound(int positions, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, positions * Width).Select(_ => random.NextSingle() * 6 - 3)];
    }

    static RandomTensors Weights() => RandomTensors.For(s_parts, options: new() { Type = DType.F32, Seed = 3 });

    static ModelParts Small(int width = 12, int vocabulary = 10, int[]? states = null) => new()
    {
        Transducer = new LstmTransducer
        {
            Shape = new()
            {
                VocabSize = vocabulary,
                Blank = vocabulary - 1,
                Durations = [0, 1, 2],
                MostSymbols = 3,
                EncodedWidth = Width,
                Width = width,
                StateSizes = states ?? [8, 8],
            },
            Names = new() { Embedding = "embedding", Lstm = "lstm", Predicted = "predicted", Encoded = "encoded", Output = "output" },
        },
    };

    static LstmTransducer Parakeet(string name) => new()
    {
        Shape = new()
        {
            VocabSize = 257,
            Blank = 256,
            Durations = name == "tdt" ? [0, 1, 2, 3, 4] : [],
            EncodedWidth = 32,
            Width = 24,
            StateSizes = name == "tdt" ? [24, 24] : [24],
        },
        Names = new()
        {
            Embedding = "decoder.embedding",
            Lstm = "decoder.lstm",
            Predicted = "decoder.decoder_projector",
            Encoded = "encoder_projector",
            Output = "joint.head",
        },
    };
}
