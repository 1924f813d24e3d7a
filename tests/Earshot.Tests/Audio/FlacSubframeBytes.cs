using System.Numerics;

namespace Earshot.Audio;

/// <summary>Writes one channel of a FLAC frame in a way drawn at random.</summary>
internal sealed class FlacSubframeBytes(BitWriter output, Random random)
{
    static readonly long[][] FixedCoefficients = [[], [1], [2, -1], [3, -3, 1], [4, -6, 4, -1]];

    public void Write(long[] samples, int depth)
    {
        var wasted = samples.Min(s => s == 0 ? depth - 1 : Math.Min(depth - 1, BitOperations.TrailingZeroCount(s)));
        if (random.Next(2) == 0) wasted = 0;
        samples = [.. samples.Select(s => s >> wasted)];
        depth -= wasted;

        if (samples.All(s => s == samples[0]) && random.Next(4) != 0)
        {
            Header(0, wasted);
            output.Write(samples[0], depth);
            return;
        }
        switch (random.Next(3))
        {
            case 0 when TryFixed(samples, depth, wasted): break;
            case 1 when TryLinear(samples, depth, wasted): break;
            default:
                Header(1, wasted);
                foreach (var sample in samples) output.Write(sample, depth);
                break;
        }
    }

    void Header(int type, int wasted)
    {
        output.Write(type, 7);
        output.Write(wasted == 0 ? 0 : 1, 1);
        if (wasted > 0) output.WriteUnary(wasted - 1);
    }

    bool TryFixed(long[] samples, int depth, int wasted)
    {
        var order = random.Next(0, Math.Min(5, samples.Length));
        if (Residual(samples, FixedCoefficients[order], 0) is not { } residual) return false;
        Header(8 + order, wasted);
        foreach (var sample in samples[..order]) output.Write(sample, depth);
        WriteResidual(residual, order, samples.Length);
        return true;
    }

    bool TryLinear(long[] samples, int depth, int wasted)
    {
        if (samples.Length < 2) return false;
        var order = random.Next(1, Math.Min(33, samples.Length));
        var precision = random.Next(5, 16);
        var shift = random.Next(precision - 4, 16);
        var coefficients = new long[order];
        // Weights that add up to little: the residual stays of the samples' size.
        foreach (ref var c in coefficients.AsSpan()) c = random.NextInt64(-(1L << (precision - 1)), 1L << (precision - 1)) / order;
        if (Residual(samples, coefficients, shift) is not { } residual) return false;
        Header(31 + order, wasted);
        foreach (var sample in samples[..order]) output.Write(sample, depth);
        output.Write(precision - 1, 4);
        output.Write(shift, 5);
        foreach (var c in coefficients) output.Write(c, precision);
        WriteResidual(residual, order, samples.Length);
        return true;
    }

    static long[]? Residual(long[] samples, long[] coefficients, int shift)
    {
        var residual = new long[samples.Length - coefficients.Length];
        for (var i = 0; i < residual.Length; i++)
        {
            long prediction = 0;
            for (var j = 0; j < coefficients.Length; j++) prediction += coefficients[j] * samples[i + coefficients.Length - 1 - j];
            residual[i] = samples[i + coefficients.Length] - (prediction >> shift);
            if (residual[i] is <= int.MinValue or > int.MaxValue) return null;
        }
        return residual;
    }

    void WriteResidual(long[] residual, int order, int blockSize)
    {
        var most = 0;
        while (most < 15 && blockSize % (2 << most) == 0 && blockSize / (2 << most) > order) most++;
        var partitionOrder = random.Next(0, most + 1);
        var size = blockSize >> partitionOrder;
        var partitions = Enumerable.Range(0, 1 << partitionOrder)
            .Select(p => residual[(p == 0 ? 0 : (p * size) - order)..(((p + 1) * size) - order)]).ToArray();
        var parameters = partitions.Select(Parameter).ToArray();
        var method = parameters.Max() > 14 || random.Next(2) == 0 ? 1 : 0;
        output.Write(method, 2);
        output.Write(partitionOrder, 4);
        for (var p = 0; p < partitions.Length; p++) WritePartition(partitions[p], parameters[p], 4 + method);
    }

    void WritePartition(long[] residual, int parameter, int parameterBits)
    {
        var width = residual.Length == 0 ? 0 : residual.Max(r => r == 0 ? 0 : 65 - BitOperations.LeadingZeroCount((ulong)(r < 0 ? ~r : r)));
        if (width <= 31 && random.Next(4) == 0)
        {
            output.Write((1 << parameterBits) - 1, parameterBits);
            output.Write(width, 5);
            foreach (var r in residual) output.Write(r, width);
            return;
        }
        output.Write(parameter, parameterBits);
        foreach (var r in residual)
        {
            var folded = r < 0 ? (-r * 2) - 1 : r * 2;
            output.WriteUnary(folded >> parameter);
            output.Write(folded, parameter);
        }
    }

    int Parameter(long[] residual)
    {
        var mean = residual.Length == 0 ? 0 : residual.Average(r => Math.Abs((double)r));
        var best = (int)Math.Log2(mean + 1);
        return Math.Clamp(best + random.Next(-3, 3), 0, 30);
    }
}
