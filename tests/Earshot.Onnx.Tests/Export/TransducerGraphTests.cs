using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;
using Earshot.Models;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Tests.Export;

/// <summary>A transducer's two graphs beside the CPU backend.</summary>
public sealed class TransducerGraphTests
{
    const int Rows = 3, Size = 8;

    static readonly ModelParts s_parts = new()
    {
        Transducer = new LstmTransducer
        {
            Shape = new() { VocabSize = 10, Blank = 9, Durations = [0, 1, 2], EncodedWidth = 16, Width = 12, StateSizes = [Size, Size] },
            Names = new() { Embedding = "embedding", Lstm = "lstm", Predicted = "predicted", Encoded = "encoded", Output = "output" },
        },
    };

    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public void Predictor_and_joiner_give_what_the_cpu_backend_gives(GraphTarget target)
    {
        NativeRuntime.Require();
        var weights = RandomTensors.For(s_parts, options: new() { Type = DType.F32 });
        var graphs = new ModelGraphs("small", s_parts, weights, new GraphOptions { Target = target });
        using var device = new CpuDevice();
        using var cpu = new CpuBackend(device);
        var (transducer, root) = (s_parts.Transducer!, new Scope(weights));
        var states = transducer.Shape.CreateStates(cpu, Rows);
        using OnnxSession predictor = OnnxSession.FromBytes(graphs.Predictor().ToBytes()),
            joiner = OnnxSession.FromBytes(graphs.Joiner().ToBytes());
        float[][] carried = [.. Enumerable.Range(0, 4).Select(_ => new float[Rows * Size])];
        var random = new Random(1);
        for (int step = 0; step < 4; step++)
        {
            int[] tokens = [.. Enumerable.Range(0, Rows).Select(_ => step == 0 ? 9 : random.Next(9))];
            float[] sound = [.. Enumerable.Range(0, Rows * 16).Select(_ => random.NextSingle() - 0.5f)];
            var expected = transducer.Predict(cpu.Indices(tokens, new Shape(Rows)), states, root);
            float[] predicted = Predict(predictor, tokens, carried);
            Closeness.Check(CpuBackend.Read(expected), predicted, 1e-5f, $"predictor, step {step}");

            var logits = transducer.Join(transducer.ProjectEncoded(cpu.Input(sound, new Shape(Rows, 16)), root), expected, root);
            using var heard = OnnxValue.FromMemory<float>(sound, Rows, 16);
            using var said = OnnxValue.FromMemory<float>(predicted, Rows, 12);
            using var joined = joiner.Run([(GraphNames.Encoded, heard), (GraphNames.Predicted, said)]);
            Closeness.Check(CpuBackend.Read(logits), joined[GraphNames.Logits].Span<float>(), 1e-5f, $"joiner, step {step}");
        }
    }

    [Fact]
    public void A_model_without_a_transducer_has_no_such_graphs()
    {
        var graphs = new ModelGraphs("small", new ModelParts(), new RandomTensors());
        Assert.Contains("no transducer", Assert.Throws<ModelException>(graphs.Predictor).Message, StringComparison.Ordinal);
        Assert.Contains("no transducer", Assert.Throws<ModelException>(graphs.Joiner).Message, StringComparison.Ordinal);
    }

    // States go in as they came out, hidden and cell values of each layer.
    static float[] Predict(OnnxSession session, int[] tokens, float[][] carried)
    {
        using var ids = OnnxValue.FromMemory<long>(Array.ConvertAll(tokens, token => (long)token), Rows);
        (string Name, OnnxValue Value)[] states =
        [
            .. carried.Select((values, i) => (GraphNames.PastState(i / 2, Of(i)), OnnxValue.FromMemory<float>(values, Rows, Size)))
        ];
        try
        {
            using var outputs = session.Run([(GraphNames.InputIds, ids), .. states]);
            for (int i = 0; i < carried.Length; i++) carried[i] = outputs[GraphNames.PresentState(i / 2, Of(i))].ToArray<float>();
            return outputs[GraphNames.Predicted].ToArray<float>();
        }
        finally
        {
            foreach (var (_, value) in states) value.Dispose();
        }

        static string Of(int index) => index % 2 == 0 ? "hidden" : "cell";
    }
}
