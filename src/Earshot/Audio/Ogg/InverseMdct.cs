namespace Earshot.Audio;

/// <summary>
/// The inverse modified discrete cosine transform of half as many values as it gives: y[n] = Σ x[k] cos(2π/N (n + 1/2 + N/4)(k + 1/2)),
/// by a cosine transform of type IV, which is a complex Fourier transform of a quarter of the length between two rotations.
/// </summary>
internal sealed class InverseMdct
{
    readonly int _half;
    readonly float[] _rotations;
    readonly float[] _roots;
    readonly int[] _reversed;
    readonly float[] _re;
    readonly float[] _im;
    readonly float[] _cosines;

    /// <param name="length">Values that it gives, a power of two of 8 or more.</param>
    public InverseMdct(int length)
    {
        _half = length / 2;
        var points = length / 4;
        _rotations = Circle(points, n => -Math.PI * (n + 0.125) / _half);
        _roots = Circle(points / 2, n => -2 * Math.PI * n / points);
        _reversed = new int[points];
        for (var i = 1; i < points; i++) _reversed[i] = (_reversed[i >> 1] >> 1) | ((i & 1) * (points >> 1));
        (_re, _im, _cosines) = (new float[points], new float[points], new float[_half]);
    }

    /// <param name="input">Half as many values as the output.</param>
    public void Transform(ReadOnlySpan<float> input, Span<float> output)
    {
        Rotate(input);
        Fourier();
        for (var k = 0; k < _re.Length; k++)
        {
            var (c, s) = (_rotations[2 * k], _rotations[(2 * k) + 1]);
            _cosines[2 * k] = (_re[k] * c) - (_im[k] * s);
            _cosines[_half - 1 - (2 * k)] = -((_re[k] * s) + (_im[k] * c));
        }
        // The cosines go on beyond their end mirrored, with their sign turned.
        var quarter = _half / 2;
        for (var n = 0; n < quarter; n++)
        {
            output[n] = _cosines[n + quarter];
            output[_half + quarter + n] = -_cosines[n];
        }
        for (var n = quarter; n < _half + quarter; n++) output[n] = -_cosines[_half + quarter - 1 - n];
    }

    static float[] Circle(int count, Func<int, double> angle)
    {
        var points = new float[2 * count];
        for (var n = 0; n < count; n++) (points[2 * n], points[(2 * n) + 1]) = ((float)Math.Cos(angle(n)), (float)Math.Sin(angle(n)));
        return points;
    }

    /// <summary>Even values and the odd ones from behind make complex ones, which are put in the transform's order.</summary>
    void Rotate(ReadOnlySpan<float> input)
    {
        for (var n = 0; n < _re.Length; n++)
        {
            var (a, b) = (input[2 * n], input[_half - 1 - (2 * n)]);
            var (c, s) = (_rotations[2 * n], _rotations[(2 * n) + 1]);
            var to = _reversed[n];
            (_re[to], _im[to]) = ((a * c) - (b * s), (a * s) + (b * c));
        }
    }

    void Fourier()
    {
        for (var size = 1; size < _re.Length; size *= 2)
        {
            var stride = _re.Length / (2 * size);
            for (var first = 0; first < _re.Length; first += 2 * size)
            {
                for (var i = 0; i < size; i++)
                {
                    var (c, s) = (_roots[2 * i * stride], _roots[(2 * i * stride) + 1]);
                    var (a, b) = (first + i, first + i + size);
                    var (re, im) = ((_re[b] * c) - (_im[b] * s), (_re[b] * s) + (_im[b] * c));
                    (_re[b], _im[b]) = (_re[a] - re, _im[a] - im);
                    (_re[a], _im[a]) = (_re[a] + re, _im[a] + im);
                }
            }
        }
    }
}
