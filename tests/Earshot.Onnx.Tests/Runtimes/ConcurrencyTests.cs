using Earshot.Compute.Runtimes;
using Earshot.Onnx.Runtimes;
using Earshot.Onnx.Tests.Export;
using Earshot.Onnx.Tests.Parts;

namespace Earshot.Onnx.Tests.Runtimes;

public sealed class ConcurrencyTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Concurrent_transcriptions_get_what_they_get_alone(int stepsAtOnce)
    {
        NativeRuntime.Require();
        var parts = SmallModel.Attending();
        using var exported = ExportFolder.Of(parts);
        using var runtime = exported.Open(parts, new OnnxModelOptions { StepsAtOnce = stepsAtOnce, EncodersAtOnce = 2 });
        var alone = new int[6][];
        for (int stream = 0; stream < alone.Length; stream++) alone[stream] = await DecodeAsync(runtime, stream);
        var together = await Task.WhenAll(Enumerable.Range(0, alone.Length).Select(stream => Task.Run(() => DecodeAsync(runtime, stream))));
        Assert.Equal(alone, together);
    }

    [Fact]
    public async Task A_cancelled_step_leaves_the_generation_usable()
    {
        NativeRuntime.Require();
        var parts = SmallModel.Attending();
        using var exported = ExportFolder.Of(parts);
        using var runtime = exported.Open(parts);
        var features = SmallModel.Features(80, 200);
        using var audio = await runtime.RequireEncoder().EncodeAsync(features, 200);
        using var generation = await runtime.RequireDecoder().BeginAsync(audio, 2);
        var (expected, actual) = (new float[2 * generation.VocabSize], new float[2 * generation.VocabSize]);
        await generation.PromptAsync(new[] { 1, 2, 3 }, new[] { 2 }, expected);
        await generation.StepAsync(new[] { 4, 5 }, expected);
        await generation.PromptAsync(new[] { 1, 2, 3 }, new[] { 2 }, actual);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => generation.StepAsync(new[] { 4, 5 }, actual, cancelled.Token).AsTask());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => runtime.RequireEncoder().EncodeAsync(features, 200, cancelled.Token).AsTask());
        // The step's tokens were counted before it ran; who goes on takes them back.
        Assert.Contains(
            "Truncate it to 3",
            (await Assert.ThrowsAsync<ModelException>(() => generation.StepAsync(new[] { 4, 5 }, actual).AsTask())).Message,
            StringComparison.Ordinal);
        generation.Truncate(3);
        await generation.StepAsync(new[] { 4, 5 }, actual);
        Assert.Equal(expected, actual);
    }

    [Fact]
    public async Task What_cannot_be_is_said_before_anything_runs()
    {
        NativeRuntime.Require();
        var parts = SmallModel.Attending();
        using var exported = ExportFolder.Of(parts);
        using var runtime = exported.Open(parts);
        using var other = exported.Open(parts);
        async Task Refused<T>(string message, Func<ValueTask<T>> run) =>
            Assert.Contains(message, (await Assert.ThrowsAsync<ModelException>(async () => await run())).Message, StringComparison.Ordinal);
        await Refused("even number", () => runtime.RequireEncoder().EncodeAsync(new float[80 * 3], 3));
        using var audio = await runtime.RequireEncoder().EncodeAsync(SmallModel.Features(80, 200), 200);
        await Refused("another runtime", () => other.RequireDecoder().BeginAsync(audio, 1));
        await Refused("this model was opened for 64", () => runtime.RequireDecoder().BeginAsync(audio, 65));
        using var generation = await runtime.RequireDecoder().BeginAsync(audio, 2);
        var logits = new float[3 * generation.VocabSize];
        async ValueTask<bool> Done(ValueTask task)
        {
            await task;
            return true;
        }

        await Refused("the prompt is empty", () => Done(generation.PromptAsync(Array.Empty<int>(), default, logits)));
        await Refused("context of 448", () => Done(generation.PromptAsync(new int[449], new[] { 448 }, logits)));
        await Refused("give it to BeginAsync", () => Done(generation.PromptAsync([new PromptPart(default, audio)], default, logits)));
        await generation.PromptAsync(new[] { 1 }, new[] { 0 }, logits);
        await Refused("a generation of 2 rows", () => Done(generation.StepAsync(new[] { 1, 2, 3 }, logits)));
        await generation.StepAsync(new[] { 1 }, logits);
        await Refused("the last step had 1 rows", () => Done(generation.StepAsync(new[] { 1, 2 }, logits)));
        Assert.Throws<ModelException>(() => generation.Reorder([1, 0]));
        Assert.Throws<ModelException>(() => generation.Reorder([0, 0, 0]));
    }

    [Fact]
    public async Task Windows_and_rows_beyond_the_limits_wait_and_too_many_who_wait_are_refused()
    {
        NativeRuntime.Require();
        var parts = SmallModel.Attending();
        using var exported = ExportFolder.Of(parts);
        using var runtime = exported.Open(
            parts, new OnnxModelOptions { Limits = new RuntimeLimits { Windows = 1, Rows = 2, Waiting = 1 } });
        var features = SmallModel.Features(80, 20);
        var audio = await runtime.RequireEncoder().EncodeAsync(features, 20);
        var second = runtime.RequireEncoder().EncodeAsync(features, 20).AsTask();
        await Assert.ThrowsAsync<OverloadedException>(() => runtime.RequireEncoder().EncodeAsync(features, 20).AsTask());
        var generation = await runtime.RequireDecoder().BeginAsync(audio, 2);
        var waiting = runtime.RequireDecoder().BeginAsync(audio, 1).AsTask();
        await Assert.ThrowsAsync<OverloadedException>(() => runtime.RequireDecoder().BeginAsync(audio, 1).AsTask());
        Assert.False(second.IsCompleted || waiting.IsCompleted);
        generation.Dispose();
        (await waiting).Dispose();
        audio.Dispose();
        (await second).Dispose();
    }

    static async Task<int[]> DecodeAsync(ModelRuntime runtime, int stream)
    {
        int frames = 200 + 40 * stream, vocabulary = runtime.Decoder!.Shape.VocabSize;
        using var audio = await runtime.RequireEncoder().EncodeAsync(SmallModel.Features(80, frames), frames);
        using var generation = await runtime.Decoder.BeginAsync(audio, 2);
        var logits = new float[2 * vocabulary];
        await generation.PromptAsync(new[] { 258, 259 + stream, 359 }, new[] { 2 }, logits);
        var tokens = new List<int>();
        int[] step = [Best(logits.AsSpan(0, vocabulary)), 100 + stream];
        for (int i = 0; i < 12 + 3 * stream; i++)
        {
            await generation.StepAsync(step, logits);
            if (i % 4 == 3) generation.Reorder([1, 0]);
            step = [Best(logits.AsSpan(0, vocabulary)), Best(logits.AsSpan(vocabulary))];
            tokens.AddRange(step);
        }
        return [.. tokens];
    }

    static int Best(ReadOnlySpan<float> logits) => System.Numerics.Tensors.TensorPrimitives.IndexOfMax(logits);
}
