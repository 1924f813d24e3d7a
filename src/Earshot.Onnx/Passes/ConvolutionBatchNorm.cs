using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>
/// <c>BatchNormalization(Conv(x, w, b), scale, bias, mean, variance)</c> => <c>Conv(x, w', b')</c> with
/// w' = w · scale / √(variance + ε) for each output channel and b' = (b − mean) · scale / √(variance + ε) + bias.
/// Refuses where a weight is not constant float32, the convolution is read elsewhere too, or the normalisation is in training mode.
/// </summary>
public sealed class ConvolutionBatchNorm : GraphPass
{
    public override string Name => "convolution and batch norm";

    internal override void Visit(OnnxNode node, PassContext context)
    {
        if (!node.Is("BatchNormalization") || node.Int("training_mode", 0) != 0 || node.Outputs.Count(output => output is not null) != 1)
            return;
        if (node.Input(0)?.Producer is not { OpType: "Conv", Domain: "" } conv || !conv.Output.HasOneUse) return;
        if (conv.Input(1)?.Constant is not { Type: OnnxElementType.Float32 } weight) return;
        var parameters = Enumerable.Range(1, 4).Select(i => Patterns.Floats(node.Input(i))).ToArray();
        var bias = conv.Input(2) is null ? new float[weight.Shape[0]] : Patterns.Floats(conv.Input(2));
        if (bias is null || parameters is not [{ } scale, { } shift, { } mean, { } variance] || scale.Length != weight.Shape[0]) return;

        var weights = weight.ToArray<float>();
        var biases = new float[bias.Length];
        int size = weights.Length / scale.Length;
        for (int channel = 0; channel < scale.Length; channel++)
        {
            double factor = scale[channel] / Math.Sqrt(variance[channel] + (double)node.Float("epsilon", 1e-5f));
            for (int i = channel * size; i < (channel + 1) * size; i++) weights[i] = (float)(weights[i] * factor);
            biases[channel] = (float)((bias[channel] - mean[channel]) * factor + shift[channel]);
        }
        conv.SetInput(1, context.Constant($"{conv.Input(1)!.Name}_normalized", TensorData.Of<float>(weights, weight.Shape)));
        conv.SetInput(2, context.Constant($"{conv.Input(1)!.Name}_bias", TensorData.Of<float>(biases, biases.Length)));
        context.Count("convolutions");
        PassContext.Replace(node, conv.Output);
    }
}
