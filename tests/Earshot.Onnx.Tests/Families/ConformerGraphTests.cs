using Earshot.Compute;
using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Tests.Export;
using Earshot.Onnx.Tests.Parts;

namespace Earshot.Onnx.Tests.Families;

/// <summary>Conformers in ONNX Runtime give what they give on the CPU backend, whole and chunk by chunk.</summary>
public sealed class ConformerGraphTests
{
    static readonly ConformerConfig s_fast = new()
    {
        MelBins = 20,
        Size = 32,
        Layers = 2,
        Heads = 4,
        InnerSize = 64,
        SubsamplingChannels = 16,
    };

    static readonly Dictionary<string, ConformerConfig> s_configs = new()
    {
        ["conformer"] = s_fast with
        {
            Subsampling = SubsamplingKind.Striding,
            SubsamplingFactor = 4,
            Kernel = 31,
            ScalesInput = true,
        },
        ["fastconformer"] = s_fast with { HasLinearBias = false, HasConvolutionBias = false },
        ["windows"] = s_fast with { Contexts = [new AttentionContext(4, 4)], GlobalPositions = 1 },
        ["streaming"] = s_fast with
        {
            IsSubsamplingCausal = true,
            IsConvolutionCausal = true,
            HasLayerNorm = true,
            Contexts = [new AttentionContext(8, 3, IsChunked: true)],
        },
    };

    public static TheoryData<string, GraphTarget> Models()
    {
        var data = new TheoryData<string, GraphTarget>();
        foreach (var name in s_configs.Keys)
        {
            data.Add(name, GraphTarget.Portable);
            data.Add(name, GraphTarget.OnnxRuntime);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Graphs_give_what_the_cpu_backend_gives(string name, GraphTarget target)
    {
        NativeRuntime.Require();
        var model = ConformerFamily.Describe(
            s_configs[name], new ConformerHeads { Ctc = new ConformerCtcHead("decoder.decoder_layers.0", 30) }, "small", "nemo");
        var weights = model.Prepare(RandomTensors.For(model.Parts, model.PrepareWeights, new() { Type = DType.F32 }));
        using var exported = ExportFolder.Of(model.Parts, weights, new GraphOptions { Target = target });
        using var expected = new CpuModelRuntime(model.Parts, weights);
        using var actual = exported.Open(model.Parts);
        foreach (int frames in (int[])[64, 83, 200])
        {
            var features = SmallModel.Features(20, frames, frames);
            using var want = await expected.RequireEncoder().EncodeAsync(features, frames, TestContext.Current.CancellationToken);
            using var got = await actual.RequireEncoder().EncodeAsync(features, frames, TestContext.Current.CancellationToken);
            Closeness.Check(want.Values.Span, got.Values.Span, 1e-4f, $"{name}, {frames} frames, {target}");
        }
        if (expected.Streaming is not null) await StreamAsync(expected, actual, $"{name}, {target}");
    }

    static async Task StreamAsync(ModelRuntime expected, ModelRuntime actual, string name)
    {
        const int chunks = 4;
        int each = expected.Streaming!.Stream.ChunkFrames * 20;
        var features = SmallModel.Features(20, chunks * each / 20, 5);
        using var want = await expected.Streaming!.BeginAsync(TestContext.Current.CancellationToken);
        using var got = await actual.Streaming!.BeginAsync(TestContext.Current.CancellationToken);
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            var sound = features.AsMemory(chunk * each, each);
            var mine = await want.PushAsync(sound, TestContext.Current.CancellationToken);
            var graph = await got.PushAsync(sound, TestContext.Current.CancellationToken);
            Closeness.Check(mine, graph, 1e-4f, $"{name}, chunk {chunk}");
        }
    }
}
