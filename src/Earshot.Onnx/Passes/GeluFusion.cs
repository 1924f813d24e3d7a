using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Passes;

/// <summary>
/// <c>0.5 · x · (1 + erf(x / √2))</c> => <c>Gelu(x)</c>; <c>0.5 · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))</c> => <c>Gelu(x,
/// approximate: tanh)</c>, with the factors in any order. From operator set 20 ONNX's own Gelu; before it com.microsoft's Gelu and
/// FastGelu, for ONNX Runtime. Refuses other numbers, parts that something else reads, and a portable model of an older operator set.
/// </summary>
public sealed class GeluFusion : GraphPass
{
    const double RootOfTwo = 1.4142135623730951;
    const double RootOfTwoOverPi = 0.7978845608028654;
    const double Cubic = 0.044715;

    public override string Name => "gelu fusion";

    internal override void Visit(OnnxNode node, PassContext context)
    {
        bool tanh = node.Is("Tanh");
        if (!tanh && !node.Is("Erf")) return;
        if (context.Model.OperatorSet < 20 && !context.ForOnnxRuntime) return;
        if (node.Input(0) is not { HasOneUse: true } argument || (tanh ? TanhArgument(argument) : ErfArgument(argument)) is not { } x)
            return;
        if (node.Output.OnlyUser is not { OpType: "Add", Domain: "" } sum || Patterns.WithScalar(sum) is not { Number: 1 }
            || sum.Output.OnlyUser is not { OpType: "Mul" } first)
        {
            return;
        }
        // The three factors are in one or two Mul nodes.
        foreach (var last in (OnnxNode?[])[first, first.Output.OnlyUser])
        {
            if (last is null || !last.Is("Mul") || !IsHalfOf(Patterns.Factors(last.Output), x, sum.Output)) continue;
            Rewrite(last, x, tanh, context);
            return;
        }
    }

    static void Rewrite(OnnxNode last, GraphValue x, bool tanh, PassContext context)
    {
        var gelu = context.Model.OperatorSet >= 20
            ? context.Add(last, "Gelu", [x], tanh ? new() { ["approximate"] = "tanh" } : null)
            : context.Add(last, tanh ? "FastGelu" : "Gelu", [x], null, PassContext.Microsoft);
        context.Count(tanh ? "tanh form" : "erf form");
        PassContext.Replace(last, gelu.Output);
    }

    static bool IsHalfOf(List<GraphValue> factors, GraphValue x, GraphValue sum) =>
        factors.Count == 3 && factors.Contains(sum) && factors.Contains(x) && factors.Exists(factor => Patterns.Scalar(factor) == 0.5f);

    static GraphValue? ErfArgument(GraphValue argument) => argument.Producer switch
    {
        { OpType: "Div" } node when Patterns.IsNear(node.Input(1), RootOfTwo) => node.Input(0),
        { OpType: "Mul" } node when Patterns.WithScalar(node) is { } pair && Math.Abs(pair.Number - 1 / RootOfTwo) < 1e-4 => pair.Other,
        _ => null,
    };

    static GraphValue? TanhArgument(GraphValue argument)
    {
        var factors = Patterns.Factors(argument);
        int root = factors.FindIndex(factor => Patterns.IsNear(factor, RootOfTwoOverPi));
        if (root < 0) return null;
        factors.RemoveAt(root);
        if (factors is [{ Producer: { OpType: "Add" } outer, HasOneUse: true }]) return CubicSum(outer);
        // x · (1 + 0.044715 · x²)
        if (factors is not [var a, var b]) return null;
        var (x, sum) = a.Producer?.OpType == "Add" && a.HasOneUse ? (b, a) : (a, b);
        if (sum.Producer is not { OpType: "Add" } inner || Patterns.WithScalar(inner) is not { Number: 1 } pair) return null;
        return IsPower(pair.Other, x, 2) ? x : null;
    }

    static GraphValue? CubicSum(OnnxNode sum)
    {
        if (sum.Inputs is not [{ } left, { } right]) return null;
        return IsPower(right, left, 3) ? left : IsPower(left, right, 3) ? right : null;
    }

    /// <summary>Whether a value is 0.044715 · x to a power, as Pow or as factors.</summary>
    static bool IsPower(GraphValue value, GraphValue x, int power)
    {
        if (value.Producer is not { OpType: "Mul" }) return false;
        var factors = Patterns.Factors(value);
        int number = factors.FindIndex(factor => Patterns.IsNear(factor, Cubic));
        if (number < 0) return false;
        factors.RemoveAt(number);
        if (factors is [{ Producer: { OpType: "Pow" } node }]) return node.Input(0) == x && Patterns.IsNear(node.Input(1), power);
        return factors.Count == power && factors.TrueForAll(factor => factor == x);
    }
}
