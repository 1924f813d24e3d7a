using System.Runtime.InteropServices;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Models;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Tests.Families;

public sealed class SileroVadGraphTests
{
    static readonly RecurrentGraph Graph = new()
    {
        Name = "silero_vad",
        InputSize = SileroVadModel.ContextSize + SileroVadModel.WindowSize,
        StateSize = SileroVadModel.HiddenSize,
        Output = "probability",
        Step = (window, state, w) =>
        {
            var sound = SileroVadModel.Encode(window, w); // (batch, 1, 128)
            return SileroVadModel.Decide(sound.Backend.Reshape(sound, new Shape(1, SileroVadModel.HiddenSize)), state, w);
        },
    };

    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public void Streams_in_one_batch_get_the_probabilities_of_the_cpu_backend(GraphTarget target)
    {
        NativeRuntime.Require();
        using var weights = SafetensorsFile.Open(Path.Combine(TestModels.InBox(BundledModels.SileroVad), "silero_vad_16k.safetensors"));
        float[][] streams = [Samples("jfk.wav", 0), Samples("jfk.wav", 40_000)];
        using var session = OnnxSession.FromBytes(Graph.Record(weights, new GraphOptions { Target = target }).ToBytes());
        var actual = Run(session, streams);
        for (int s = 0; s < streams.Length; s++)
        {
            var expected = Expected(weights, streams[s]);
            for (int i = 0; i < actual[s].Count; i++) Assert.Equal(expected[i], actual[s][i], 1e-4f);
        }
        Assert.True(actual[0].Max() > 0.9f && actual[0].Min() < 0.1f);
    }

    static List<float>[] Run(OnnxSession session, float[][] streams)
    {
        int batch = streams.Length, windows = streams.Min(stream => stream.Length) / 512;
        var probabilities = Array.ConvertAll(streams, _ => new List<float>());
        var (input, h, c) = (new float[batch * 576], new float[batch * 128], new float[batch * 128]);
        for (int i = 0; i < windows; i++)
        {
            for (int s = 0; s < batch; s++)
            {
                input.AsSpan(s * 576 + 512, 64).CopyTo(input.AsSpan(s * 576, 64));
                streams[s].AsSpan(i * 512, 512).CopyTo(input.AsSpan(s * 576 + 64));
            }
            using var values = OnnxValue.FromMemory<float>(input, batch, 1, 576);
            using var hidden = OnnxValue.FromMemory<float>(h, batch, 128);
            using var cell = OnnxValue.FromMemory<float>(c, batch, 128);
            using var outputs = session.Run([("input", values), ("h", hidden), ("c", cell)]);
            for (int s = 0; s < batch; s++) probabilities[s].Add(outputs["probability"].Span<float>()[s]);
            outputs["hn"].Span<float>().CopyTo(h);
            outputs["cn"].Span<float>().CopyTo(c);
        }
        return probabilities;
    }

    static List<float> Expected(SafetensorsFile weights, float[] samples)
    {
        using var device = new CpuDevice();
        using var vad = new SileroVad(weights, device);
        var probabilities = new List<float>();
        vad.Process(samples, probabilities);
        return probabilities;
    }

    static float[] Samples(string clip, int from)
    {
        var bytes = File.ReadAllBytes(TestRecordings.Path(clip));
        return [.. MemoryMarshal.Cast<byte, short>(bytes.AsSpan(44)).ToArray().Skip(from).Take(100_000).Select(sample => sample / 32768f)];
    }
}
