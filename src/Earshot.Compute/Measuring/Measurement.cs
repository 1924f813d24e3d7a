namespace Earshot.Compute.Measuring;

/// <summary>What one operation takes: floating-point operations (a multiply-add counts two), bytes of weights read, bytes of activations read and written.</summary>
public sealed record Measurement(string Operation, string Scope, Shape Output, double Flops, long WeightBytes, long ActivationBytes);

/// <summary>The sum over operations.</summary>
public readonly record struct Cost(double Flops, long WeightBytes, long ActivationBytes)
{
    public static Cost operator +(Cost cost, Measurement measurement) =>
        new(cost.Flops + measurement.Flops, cost.WeightBytes + measurement.WeightBytes, cost.ActivationBytes + measurement.ActivationBytes);
}
