using Earshot.Onnx.Graph;
using Earshot.Onnx.Native;

namespace Earshot.Onnx.Tests;

/// <summary>Runs models on inputs made from a seed, and compares what comes out.</summary>
static class ModelRunner
{
    /// <summary>
    /// The outputs of a model, by name, as floats; dimensions that are not numbers take the sizes given by symbol (<c>?</c> for those
    /// without), or 2; an input's name gives its last dimension.
    /// </summary>
    public static Dictionary<string, (long[] Shape, float[] Elements)> Run(
        OnnxModel model, int seed = 1, Dictionary<string, long>? sizes = null) => Run(model.ToBytes(), seed, sizes);

    public static Dictionary<string, (long[] Shape, float[] Elements)> Run(
        byte[] model, int seed = 1, Dictionary<string, long>? sizes = null)
    {
        // The runtime's own rewriting is off, so that what is compared is what we wrote.
        using var session = OnnxSession.FromBytes(model, new OnnxSessionOptions
        {
            GraphOptimization = OnnxGraphOptimization.None,
            Providers = ProviderPreference.Parse("cpu threads=1"),
        });
        var random = new Random(seed);
        var inputs = session.Inputs.Select(input => (input.Name, Value: Random(input, random, sizes))).ToArray();
        try
        {
            using var outputs = session.Run(inputs);
            return outputs.Names.Zip(outputs).ToDictionary(pair => pair.First, pair => (pair.Second.Shape.ToArray(), Floats(pair.Second)));
        }
        finally
        {
            foreach (var (_, value) in inputs) value.Dispose();
        }
    }

    /// <summary>Asserts that two models compute the same, within a tolerance relative to the largest element.</summary>
    public static void AssertSame(byte[] expected, OnnxModel actual, float tolerance = 1e-5f, Dictionary<string, long>? sizes = null)
    {
        NativeRuntime.Require();
        foreach (int seed in (int[])[1, 2])
        {
            var before = Run(expected, seed, sizes);
            var after = Run(actual, seed, sizes);
            Assert.Equal(before.Keys, after.Keys);
            foreach (var (name, (shape, elements)) in before)
            {
                Assert.Equal(shape, after[name].Shape);
                float scale = Math.Max(1e-3f, elements.Length == 0 ? 0 : elements.Max(Math.Abs));
                for (int i = 0; i < elements.Length; i++)
                {
                    Assert.True(
                        Math.Abs(elements[i] - after[name].Elements[i]) <= tolerance * scale,
                        $"{name}[{i}]: {elements[i]} became {after[name].Elements[i]}");
                }
            }
        }
    }

    static OnnxValue Random(OnnxTensorDescription input, Random random, Dictionary<string, long>? sizes)
    {
        var shape = input.Shape.Select(dimension => dimension.Size ?? sizes?.GetValueOrDefault(dimension.ToString(), 2) ?? 2).ToArray();
        if (sizes is not null && sizes.TryGetValue(input.Name, out long last)) shape[^1] = last;
        int count = (int)shape.Aggregate(1L, (product, size) => product * size);
        return input.Type switch
        {
            OnnxElementType.Float32 =>
                OnnxValue.FromMemory<float>(Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1).ToArray(), shape),
            OnnxElementType.Int64 => OnnxValue.FromMemory<long>(
                Enumerable.Range(0, count).Select(_ => input.Name == "sr" ? 16000 : random.NextInt64(3)).ToArray(), shape),
            OnnxElementType.Bool =>
                OnnxValue.FromMemory<bool>(Enumerable.Range(0, count).Select(_ => random.Next(2) == 1).ToArray(), shape),
            _ => throw new InvalidOperationException($"No random values of {input.Type}."),
        };
    }

    static float[] Floats(OnnxValue value) => value.ElementType switch
    {
        OnnxElementType.Float32 => value.ToArray<float>(),
        OnnxElementType.Float16 => Array.ConvertAll(value.ToArray<Half>(), x => (float)x),
        OnnxElementType.Int64 => Array.ConvertAll(value.ToArray<long>(), x => (float)x),
        OnnxElementType.Int32 => Array.ConvertAll(value.ToArray<int>(), x => (float)x),
        OnnxElementType.Bool or OnnxElementType.UInt8 => Array.ConvertAll(value.ToArray<byte>(), x => (float)x),
        _ => throw new InvalidOperationException($"No floats from {value.ElementType}."),
    };
}
