namespace Earshot.Evaluation;

/// <summary>Maps values to places along an axis, and says where its marks stand.</summary>
internal sealed class ChartAxis
{
    readonly bool _logarithmic;
    readonly double _low, _high, _from, _to;

    ChartAxis(bool logarithmic, (double Low, double High) range, (double From, double To) place, IReadOnlyList<double> ticks)
    {
        _logarithmic = logarithmic;
        (_low, _high) = range;
        (_from, _to) = place;
        Ticks = ticks;
    }

    public IReadOnlyList<double> Ticks { get; }

    /// <summary>From 0 to a round number that is not below <paramref name="high"/>.</summary>
    public static ChartAxis Linear(double high, double from, double to)
    {
        double step = RoundUp(Math.Max(high, 1e-9) / 5);
        int count = Math.Max(1, (int)Math.Ceiling(high / step - 1e-9));
        return new ChartAxis(false, (0, step * count), (from, to), [.. Enumerable.Range(0, count + 1).Select(i => step * i)]);
    }

    /// <summary>Logarithmic, with some room on both sides and some marks.</summary>
    public static ChartAxis Logarithmic(IReadOnlyCollection<double> values, double from, double to)
    {
        double low = values.Min() / 1.35, high = values.Max() * 1.35;
        var ticks = Marks(low, high, [1, 2, 5]);
        if (ticks.Count < 3) ticks = Marks(low, high, [1, 1.5, 2, 3, 5, 7]);
        if (ticks.Count > 9) ticks = Marks(low, high, [1]);
        // A narrow range may hold none of them.
        if (ticks.Count < 2) ticks = [low * 1.1, Math.Sqrt(low * high), high / 1.1];
        return new ChartAxis(true, (low, high), (from, to), ticks);
    }

    static List<double> Marks(double low, double high, ReadOnlySpan<double> digits)
    {
        var ticks = new List<double>();
        for (int power = (int)Math.Floor(Math.Log10(low)); Math.Pow(10, power) <= high; power++)
        {
            foreach (double digit in digits)
            {
                double tick = digit * Math.Pow(10, power);
                if (tick >= low && tick <= high) ticks.Add(tick);
            }
        }
        return ticks;
    }

    public double Place(double value)
    {
        double part = _logarithmic
            ? (Math.Log(Math.Max(value, 1e-12)) - Math.Log(_low)) / (Math.Log(_high) - Math.Log(_low))
            : (value - _low) / (_high - _low);
        return _from + Math.Clamp(part, 0, 1) * (_to - _from);
    }

    /// <summary>The least of 1, 2, 5 times a power of ten that is not below a value.</summary>
    static double RoundUp(double value)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(value)));
        foreach (int digit in (int[])[1, 2, 5])
        {
            if (digit * power >= value * (1 - 1e-9)) return digit * power;
        }
        return 10 * power;
    }
}
