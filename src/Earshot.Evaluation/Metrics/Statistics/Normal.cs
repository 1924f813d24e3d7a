namespace Earshot.Evaluation.Metrics;

/// <summary>The standard normal distribution's tails.</summary>
internal static class Normal
{
    /// <summary>P(|Z| ≥ |z|) = erfc(|z| / √2), to about 1e-13 relative: a series near 0, a continued fraction beyond.</summary>
    public static double TwoSidedTail(double z)
    {
        var x = Math.Abs(z) / Math.Sqrt(2);
        return x < 2 ? 1 - Series(x) : ContinuedFraction(x);
    }

    /// <summary>erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!! (all terms positive, so nothing cancels).</summary>
    static double Series(double x)
    {
        var term = x;
        var sum = x;
        for (var n = 1; term > sum * 1e-17; n++)
        {
            term *= 2 * x * x / (2 * n + 1);
            sum += term;
        }
        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }

    /// <summary>erfc(x) = e^(−x²)/√π · 1/(x + ½/(x + 1/(x + 3/2/(x + …)))), from the inside out.</summary>
    static double ContinuedFraction(double x)
    {
        var value = x;
        for (var n = 120; n >= 1; n--) value = x + n / 2.0 / value;
        return Math.Exp(-x * x) / Math.Sqrt(Math.PI) / value;
    }
}
