using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>
/// <c>Relu(Conv(x))</c> => com.microsoft <c>FusedConv(x, activation: Relu)</c>, <c>Relu(Gemm(x))</c> => com.microsoft <c>FusedGemm</c>;
/// also Sigmoid, Tanh and LeakyRelu. For ONNX Runtime only. Refuses products read elsewhere too, and types other than float32, which its
/// kernels lack.
/// </summary>
public sealed class ActivationFusion : GraphPass
{
    public override string Name => "activation fusion";

    public override bool Applies(OptimizationOptions options) => options is { Target: OptimizationTarget.OnnxRuntime, Float16: false };

    internal override void Visit(OnnxNode node, PassContext context)
    {
        bool conv = node.Is("Conv");
        if ((!conv && !node.Is("Gemm")) || node.Output.Type != OnnxElementType.Float32) return;
        if (node.Output.OnlyUser is not { Domain: "" } activation
            || activation.OpType is not ("Relu" or "Sigmoid" or "Tanh" or "LeakyRelu"))
        {
            return;
        }
        var attributes = node.Attributes.ToDictionary();
        attributes["activation"] = activation.OpType;
        if (activation.OpType == "LeakyRelu")
        {
            float slope = activation.Float("alpha", 0.01f);
            if (conv) attributes["activation_params"] = new[] { slope };
            else attributes["activation_alpha"] = slope;
        }
        var fused = context.Add(activation, conv ? "FusedConv" : "FusedGemm", node.Inputs, attributes, PassContext.Microsoft);
        context.Count($"{node.OpType} and {activation.OpType}");
        PassContext.Replace(activation, fused.Output);
    }
}
