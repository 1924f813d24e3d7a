using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Compute.Tests;

namespace Earshot.Onnx.Tests.Parts;

/// <summary>Models of small parts with random weights.</summary>
static class SmallModel
{
    /// <summary>An encoder, and a decoder that attends to it, with alignment heads of both layers, not in order.</summary>
    public static ModelParts Attending(SmallSizes? sizes = null) => new()
    {
        Encoder = new SmallEncoder(sizes ?? new SmallSizes()),
        Decoder = new SmallDecoder(
            sizes ?? new SmallSizes(), attends: true, new AlignmentHead(1, 2), new AlignmentHead(0, 1), new AlignmentHead(1, 0)),
    };

    /// <summary>An encoder of samples with a head.</summary>
    public static ModelParts WithHead() => new() { Encoder = new SmallEncoder(Samples), Ctc = new SmallCtc(Samples) };

    /// <summary>A language model into whose prompt audio goes.</summary>
    public static ModelParts Listening(SmallSizes? sizes = null) => new()
    {
        Encoder = new SmallEncoder(sizes ?? new SmallSizes()),
        Projector = new SmallProjector(sizes ?? new SmallSizes()),
        Decoder = new SmallDecoder(sizes ?? new SmallSizes(), attends: false),
    };

    public static SmallSizes Samples { get; } = new() { Inputs = 1 };

    /// <summary>Weights for all parts of these sizes.</summary>
    public static MemoryStore Weights(SmallSizes? given = null)
    {
        var sizes = given ?? new SmallSizes();
        var weights = new Random(5);
        var store = new MemoryStore();
        foreach (var (name, dimensions) in Shapes(sizes)) store.Add(name, Values(weights, name, dimensions), dimensions);
        return store;
    }

    /// <summary>Features (frames, inputs) of one window.</summary>
    public static float[] Features(int inputs, int frames, int seed = 1)
    {
        var random = new Random(seed * 10_000 + frames);
        return [.. Enumerable.Range(0, frames * inputs).Select(_ => random.NextSingle() * 2 - 1)];
    }

    /// <summary>(frames, inputs) as (inputs, frames).</summary>
    public static float[] BySize(float[] features, int frames)
    {
        int inputs = features.Length / frames;
        var bySize = new float[features.Length];
        for (int t = 0; t < frames; t++)
        {
            for (int i = 0; i < inputs; i++) bySize[i * frames + t] = features[t * inputs + i];
        }
        return bySize;
    }

    /// <summary>What the CPU backend makes of a window.</summary>
    public static float[] Encoded(CpuModelRuntime runtime, float[] features, int frames) =>
        runtime.RequireEncoder().EncodeToArrayAsync(features, frames).AsTask().GetAwaiter().GetResult();

    static IEnumerable<(string Name, int[] Dimensions)> Shapes(SmallSizes sizes)
    {
        int width = sizes.Width;
        yield return ("encoder.conv.weight", [width, sizes.Inputs, sizes.Inputs == 1 ? 8 : 3]);
        yield return ("encoder.conv.bias", [width]);
        yield return ("encoder.positions.weight", [sizes.Positions, width]);
        for (int i = 0; i < sizes.EncoderLayers; i++)
        {
            foreach (var shape in Layer($"encoder.layers.{i}", width, sizes.EncoderInner, "attention_norm")) yield return shape;
        }
        yield return ("decoder.tokens.weight", [sizes.Vocabulary, width]);
        yield return ("decoder.positions.weight", [sizes.Context, width]);
        for (int i = 0; i < sizes.DecoderLayers; i++)
        {
            foreach (var shape in Layer($"decoder.layers.{i}", width, sizes.DecoderInner, "self_norm")) yield return shape;
            foreach (var shape in Attention($"decoder.layers.{i}.cross", width, "norm")) yield return shape;
        }
        foreach (var name in (string[])["encoder.norm", "decoder.norm"])
        {
            yield return ($"{name}.weight", [width]);
            yield return ($"{name}.bias", [width]);
        }
        foreach (var (name, outputs, inputs) in new[]
        {
            ("ctc", sizes.CtcVocabulary, width),
            ("projector", width, width),
            ("speaker.out", 24, 32),
            ("segmentation.out", 7, 16),
        })
        {
            yield return ($"{name}.weight", [outputs, inputs]);
            yield return ($"{name}.bias", [outputs]);
        }
        yield return ("speaker.conv.weight", [32, 80, 3]);
        yield return ("segmentation.conv.weight", [16, 1, 8]);
        yield return ("classifier.weight", [3, width]);
        yield return ("classifier.bias", [3]);
    }

    static IEnumerable<(string Name, int[] Dimensions)> Layer(string name, int width, int inner, string norm)
    {
        foreach (var shape in Attention(name, width, norm)) yield return shape;
        yield return ($"{name}.norm.weight", [width]);
        yield return ($"{name}.norm.bias", [width]);
        yield return ($"{name}.fc1.weight", [inner, width]);
        yield return ($"{name}.fc1.bias", [inner]);
        yield return ($"{name}.fc2.weight", [width, inner]);
        yield return ($"{name}.fc2.bias", [width]);
    }

    // A key's bias changes no probability, so that models often have none.
    static IEnumerable<(string Name, int[] Dimensions)> Attention(string name, int width, string norm)
    {
        yield return ($"{name}.{norm}.weight", [width]);
        yield return ($"{name}.{norm}.bias", [width]);
        yield return ($"{name}.query.weight", [width, width]);
        yield return ($"{name}.query.bias", [width]);
        yield return ($"{name}.key.weight", [width, width]);
        yield return ($"{name}.value.weight", [width, width]);
        yield return ($"{name}.value.bias", [width]);
        yield return ($"{name}.out.weight", [width, width]);
        yield return ($"{name}.out.bias", [width]);
    }

    static float[] Values(Random random, string name, int[] dimensions)
    {
        var values = new float[dimensions.Aggregate(1, (product, size) => product * size)];
        bool isNorm = name.Contains("norm.weight", StringComparison.Ordinal);
        float scale =
            isNorm || dimensions.Length == 1 ? 0.1f : 1.7f / MathF.Sqrt(dimensions.Skip(1).Aggregate(1, (product, size) => product * size));
        for (int i = 0; i < values.Length; i++) values[i] = (isNorm ? 1 : 0) + scale * (random.NextSingle() * 2 - 1);
        return values;
    }
}
