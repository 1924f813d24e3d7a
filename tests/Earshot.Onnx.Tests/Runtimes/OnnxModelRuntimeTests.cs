using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Onnx.Export;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtimes;
using Earshot.Onnx.Tests.Export;
using Earshot.Onnx.Tests.Parts;

namespace Earshot.Onnx.Tests.Runtimes;

public sealed class OnnxModelRuntimeTests
{
    [Theory]
    [InlineData(GraphTarget.Portable, 80)]
    [InlineData(GraphTarget.OnnxRuntime, 80)]
    [InlineData(GraphTarget.OnnxRuntime, 128)]
    public async Task Prompts_steps_reordering_and_alignment_give_what_the_cpu_backend_gives(GraphTarget target, int inputs)
    {
        NativeRuntime.Require();
        var sizes = new SmallSizes { Inputs = inputs };
        var parts = SmallModel.Attending(sizes);
        using var exported = ExportFolder.Of(parts, new GraphOptions { Target = target }, sizes);
        using var expected = new CpuModelRuntime(parts, SmallModel.Weights(sizes));
        using var actual = exported.Open(parts);
        foreach (int frames in new[] { 400, 3000 })
            await GenerationComparison.CompareAsync(expected, actual, SmallModel.Features(inputs, frames), frames);
        Assert.Equal(2, actual.Times!.Value.Windows);
        Assert.True(actual.Times.Value is { Steps: > 10, Encoding.Ticks: > 0, Decoding.Ticks: > 0 });
    }

    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public async Task Samples_become_a_head_s_logits(GraphTarget target)
    {
        NativeRuntime.Require();
        var parts = SmallModel.WithHead();
        using var exported = ExportFolder.Of(parts, new GraphOptions { Target = target }, SmallModel.Samples);
        using var expected = new CpuModelRuntime(parts, SmallModel.Weights(SmallModel.Samples));
        using var actual = exported.Open(parts);
        Assert.Null(actual.Decoder);
        foreach (int frames in new[] { 4, 1600 })
        {
            var samples = SmallModel.Features(1, frames);
            using var want = await expected.RequireEncoder().EncodeAsync(samples, frames);
            using var got = await actual.RequireEncoder().EncodeAsync(samples, frames);
            Assert.Equal(want.Positions, got.Positions);
            Closeness.Check(want.Values.Span, got.Values.Span, 2e-4f, $"{frames} samples");
            var (left, right) = (await expected.Encoder!
                .EncodeToArrayAsync(samples, frames), await actual.Encoder!.EncodeToArrayAsync(samples, frames));
            Closeness.Check(left, right, 2e-4f);
        }
    }

    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public async Task A_window_becomes_a_classifier_s_one_answer(GraphTarget target)
    {
        NativeRuntime.Require();
        var parts = new ModelParts { Encoder = new SmallEncoder(SmallModel.Samples), Classifier = new SmallClassifier() };
        using var exported = ExportFolder.Of(parts, new GraphOptions { Target = target }, SmallModel.Samples);
        using var expected = new CpuModelRuntime(parts, SmallModel.Weights(SmallModel.Samples));
        using var actual = exported.Open(parts);
        foreach (int frames in new[] { 4, 1600 })
        {
            var samples = SmallModel.Features(1, frames);
            using var want = await expected.RequireEncoder().EncodeAsync(samples, frames);
            using var got = await actual.RequireEncoder().EncodeAsync(samples, frames);
            Assert.Equal((1, 3), (want.Positions, want.Values.Length));
            Assert.Equal(want.Positions, got.Positions);
            Closeness.Check(want.Values.Span, got.Values.Span, 2e-4f, $"{frames} samples");
        }
    }

    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public async Task Audio_goes_into_the_prompt_of_a_decoder_without_a_memory(GraphTarget target)
    {
        NativeRuntime.Require();
        var parts = SmallModel.Listening();
        using var exported = ExportFolder.Of(parts, new GraphOptions { Target = target });
        using var expected = new CpuModelRuntime(parts, SmallModel.Weights());
        using var actual = exported.Open(parts);
        var (left, right) = (await Listen(expected), await Listen(actual));
        foreach (var ((what, want), (_, got)) in left.Zip(right)) Closeness.Check(want, got, 2e-4f, what);
    }

    [Fact]
    public async Task Heads_are_handed_out_in_the_order_that_the_settings_want()
    {
        NativeRuntime.Require();
        using var exported = ExportFolder.Of(SmallModel.Attending());
        var other = SmallModel.Attending() with
        {
            Decoder = new SmallDecoder(new SmallSizes(), attends: true, new AlignmentHead(1, 0), new AlignmentHead(1, 2)),
        };
        using var expected = new CpuModelRuntime(other, SmallModel.Weights());
        using var actual = exported.Open(other);
        var features = SmallModel.Features(80, 200);
        var (want, got) = (await Align(expected, features), await Align(actual, features));
        Closeness.Check(want, got, 2e-4f);

        var missing = SmallModel.Attending() with { Decoder = new SmallDecoder(new SmallSizes(), attends: true, new AlignmentHead(0, 3)) };
        using var without = exported.Open(missing);
        Assert.Contains(
            "the alignment heads 1.2 0.1 1.0; its settings want 0.3",
            (await Assert.ThrowsAsync<ModelException>(() => Align(without, features))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Graphs_that_do_not_fit_the_parts_are_refused_with_what_was_expected()
    {
        NativeRuntime.Require();
        using var exported = ExportFolder.Of(SmallModel.Attending());
        void Refused(SmallSizes sizes, string message) =>
            Assert.Contains(
                message, Assert.Throws<CheckpointException>(() => exported.Open(SmallModel.Attending(sizes))).Message,
                StringComparison.Ordinal);
        Refused(new SmallSizes { Inputs = 128 }, "has the input input_features: Float32(batch, 80, frames); expected (?, 128, ?)");
        Refused(new SmallSizes { Inputs = 1 }, "has no input 'input_values'");
        Refused(
            new SmallSizes { Vocabulary = 2001 }, "has the output logits: Float32(batch, logit_positions, 2000); expected (?, ?, 2001)");
        Refused(new SmallSizes { DecoderLayers = 3 }, "has no input 'past_key_values.2.decoder.key'");
        Refused(new SmallSizes { DecoderLayers = 1 }, "has more layers than the 1");
        Refused(new SmallSizes { DecoderHeads = 2 }, "expected (?, 2, ?, 32)");
        Assert.Contains(
            "has no input 'inputs_embeds'", Assert.Throws<CheckpointException>(() => exported.Open(SmallModel.Listening())).Message,
            StringComparison.Ordinal);
        using var encoderOnly = ExportFolder.Of(SmallModel.WithHead(), sizes: SmallModel.Samples);
        Assert.Contains(
            "exported without a decoder", Assert.Throws<CheckpointException>(() => encoderOnly.Open(SmallModel.Attending())).Message,
            StringComparison.Ordinal);
        File.Delete(Path.Combine(exported.Folder, "encoder_model.onnx"));
        Assert.Contains(
            "has no graph 'encoder_model.onnx'", Assert.Throws<CheckpointException>(() => exported.Open(SmallModel.Attending())).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_word_times_everything_works_but_aligning()
    {
        NativeRuntime.Require();
        var parts = SmallModel.Attending();
        var root = Directory.CreateTempSubdirectory("earshot-export-");
        try
        {
            var folder = Path.Combine(root.FullName, "model");
            OnnxExporter.Export(new ExportSource(parts, SmallModel.Weights(), "small"), folder, new ExportOptions { WordTimes = false });
            Assert.False(File.Exists(Path.Combine(folder, "decoder_aligning_model.onnx")));
            using var runtime = OnnxModelRuntime.Open(folder, parts);
            var exception = await Assert.ThrowsAsync<ModelException>(() => Align(runtime, SmallModel.Features(80, 100)));
            Assert.Contains("exported without word times", exception.Message, StringComparison.Ordinal);
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }

    static async Task<float[]> Align(ModelRuntime runtime, float[] features)
    {
        using var audio = await runtime.RequireEncoder().EncodeAsync(features, features.Length / 80);
        using var generation = await runtime.RequireDecoder().BeginAsync(audio, 1);
        return await generation.AlignAsync(new[] { 3, 4, 5 }, default);
    }

    static async Task<List<(string What, float[] Values)>> Listen(ModelRuntime runtime)
    {
        int vocabulary = runtime.Decoder!.Shape.VocabSize;
        using var audio = await runtime.RequireEncoder().EncodeAsync(SmallModel.Features(80, 202), 202);
        Assert.Equal(51, audio.Positions);
        using var generation = await runtime.Decoder.BeginAsync(null, 2);
        var results = new List<(string, float[])> { ("embeddings", audio.Values.ToArray()) };
        async Task Take(string what, int rows, Func<float[], ValueTask> run)
        {
            var logits = new float[rows * vocabulary];
            await run(logits);
            results.Add((what, logits));
        }

        PromptPart[] prompt = [new(new[] { 7, 8 }), new(default, audio), new(new[] { 9 }), new(default, audio)];
        await Take("prompt of text and audio", 3, logits => generation.PromptAsync(prompt, new[] { 1, 53, 104 }, logits));
        Assert.Equal(105, generation.Length);
        await Take("step of two rows", 2, logits => generation.StepAsync(new[] { 11, 12 }, logits));
        generation.Reorder([1, 1]);
        await Take("step after reordering", 2, logits => generation.StepAsync(new[] { 13, 14 }, logits));
        await Take("extension", 3, logits => generation.ExtendAsync(new[] { 15, 16, 17 }, logits));
        await Take("prompt of text alone", 1, logits => generation.PromptAsync(new[] { 1, 2, 3 }, new[] { 2 }, logits));
        await Take("step after text", 1, logits => generation.StepAsync(new[] { 4 }, logits));
        return results;
    }
}
