namespace Earshot.Compute.Measuring;

/// <summary>
/// What one operation takes: floating-point operations (a multiply-add counts two), bytes of weights read, bytes of activations read and
/// written, bytes of cached keys and values read.
/// </summary>
public sealed record Measurement(
    string Operation, string Scope, Shape Output, double Flops, long WeightBytes, long ActivationBytes, long KeyValueBytes);

/// <summary>The sum over operations.</summary>
public readonly record struct Cost(double Flops, long WeightBytes, long ActivationBytes, long KeyValueBytes)
{
    public static Cost operator +(Cost cost, Measurement measurement) => new(
        cost.Flops + measurement.Flops,
        cost.WeightBytes + measurement.WeightBytes,
        cost.ActivationBytes + measurement.ActivationBytes,
        cost.KeyValueBytes + measurement.KeyValueBytes);

    public static Cost operator +(Cost left, Cost right) => new(
        left.Flops + right.Flops,
        left.WeightBytes + right.WeightBytes,
        left.ActivationBytes + right.ActivationBytes,
        left.KeyValueBytes + right.KeyValueBytes);
}
