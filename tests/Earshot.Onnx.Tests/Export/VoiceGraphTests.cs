using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Tests.Export;

/// <summary>A voice's graph beside the CPU backend.</summary>
public sealed class VoiceGraphTests
{
    static readonly HifiGanConfig s_config = new()
    {
        ModelInDim = 12,
        UpsampleInitialChannel = 44,
        UpsampleRates = [4, 3],
        UpsampleKernelSizes = [8, 5],
        ResblockKernelSizes = [3, 7],
        ResblockDilationSizes = [[1, 3], [1, 5]],
    };

    [Theory]
    [InlineData(GraphTarget.Portable, true)]
    [InlineData(GraphTarget.OnnxRuntime, true)]
    [InlineData(GraphTarget.OnnxRuntime, false)]
    public void Sound_is_what_the_cpu_backend_gives(GraphTarget target, bool normalizes)
    {
        NativeRuntime.Require();
        var parts = HifiGanFamily.Describe(s_config with { NormalizeBefore = normalizes }, "small").Parts;
        var weights = RandomTensors.For(parts, options: new() { Type = DType.F32 });
        var graph = new ModelGraphs("small", parts, weights, new GraphOptions { Target = target }).Voice();
        using var session = OnnxSession.FromBytes(graph.ToBytes());
        using var device = new CpuDevice();
        using var cpu = new CpuBackend(device);
        var (root, random) = (new Scope(weights), new Random(1));
        foreach (var (batch, frames) in new[] { (1, 1), (1, 100), (3, 37) })
        {
            float[] features = [.. Enumerable.Range(0, batch * frames * 12).Select(_ => random.NextSingle() * 2 - 1)];
            var expected = parts.Voice!.Speak(cpu.Input(features, new Shape(batch, frames, 12)), root);
            using var spectrogram = OnnxValue.FromMemory<float>(features, batch, frames, 12);
            using var outputs = session.Run([(GraphNames.Spectrogram, spectrogram)]);
            Assert.Equal(batch * frames * 12, outputs[GraphNames.Waveform].Count); // 12 samples a frame
            Closeness.Check(CpuBackend.Read(expected), outputs[GraphNames.Waveform].Span<float>(), 1e-5f, $"{batch} × {frames} frames");
        }
    }

    [Fact]
    public async Task A_voice_is_exported_by_itself_and_speaks_in_pieces_as_on_the_processor()
    {
        NativeRuntime.Require();
        var parts = HifiGanFamily.Describe(s_config, "small").Parts;
        var weights = RandomTensors.For(parts, options: new() { Type = DType.F32 });
        using var exported = ExportFolder.Of(parts, weights);
        var made = ExportManifest.Load(exported.Folder);
        Assert.Equal(("voice_model.onnx", null), (made.Voice, made.Encoder));
        using var cpu = new CpuModelRuntime(parts, weights);
        using var onnx = exported.Open(parts);
        var random = new Random(2);
        int frames = parts.Voice!.Shape.MostFrames * 2;
        float[] features = [.. Enumerable.Range(0, frames * 12).Select(_ => random.NextSingle() * 2 - 1)];
        var expected = await cpu.RequireVoice().SpeakAsync(features, frames);
        var heard = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => onnx.RequireVoice().SpeakAsync(features, frames).AsTask()));
        Assert.All(heard, samples => Closeness.Check(expected, samples, 1e-5f));
        Assert.True(onnx.Times is { Pieces: > 6, Speaking.Ticks: > 0 });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await onnx.RequireVoice().SpeakAsync(features, frames, new CancellationToken(true)));
    }

    [Fact]
    public void A_folder_without_the_voice_is_refused()
    {
        NativeRuntime.Require();
        var parts = HifiGanFamily.Describe(s_config, "small").Parts;
        using var exported = ExportFolder.Of(parts, RandomTensors.For(parts));
        File.Delete(Path.Combine(exported.Folder, "voice_model.onnx"));
        Assert.Contains(
            "no graph 'voice_model.onnx'",
            Assert.Throws<CheckpointException>(() => exported.Open(parts)).Message,
            StringComparison.Ordinal);
        var other = HifiGanFamily.Describe(s_config with { ModelInDim = 13 }, "other").Parts;
        using var whole = ExportFolder.Of(parts, RandomTensors.For(parts));
        Assert.Contains("(?, ?, 13)", Assert.Throws<CheckpointException>(() => whole.Open(other)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_a_voice_has_no_such_graph() => Assert.Contains(
        "no voice", Assert.Throws<ModelException>(new ModelGraphs("small", new ModelParts(), new RandomTensors()).Voice).Message,
        StringComparison.Ordinal);
}
