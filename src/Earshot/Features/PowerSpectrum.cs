using System.Numerics;

namespace Earshot.Features;

/// <summary>
/// The power spectrum of several real frames at once, one in each vector lane: the even and odd samples of a frame are
/// the real and imaginary parts of a complex transform of half the length (mixed radix 4, 2 and 5, Stockham's
/// self-sorting order), which is then split into the spectrum of the real frame.
/// </summary>
internal sealed class PowerSpectrum
{
    readonly int _half;
    readonly FftStage[] _stages;
    readonly float[] _splitCos;
    readonly float[] _splitSin;
    Vector<float>[] _re;
    Vector<float>[] _im;
    Vector<float>[] _otherRe;
    Vector<float>[] _otherIm;

    /// <param name="size">Samples in a frame: even, its half a product of 2, 4 and 5.</param>
    public PowerSpectrum(int size)
    {
        _half = size / 2;
        _stages = [.. Stages(_half)];
        _re = new Vector<float>[_half];
        _im = new Vector<float>[_half];
        _otherRe = new Vector<float>[_half];
        _otherIm = new Vector<float>[_half];
        _splitCos = [.. Enumerable.Range(0, _half + 1).Select(k => (float)Math.Cos(2 * Math.PI * k / size))];
        _splitSin = [.. Enumerable.Range(0, _half + 1).Select(k => (float)Math.Sin(2 * Math.PI * k / size))];
    }

    /// <summary>Frames computed together.</summary>
    public static int Lanes => Vector<float>.Count;

    /// <summary>Computes |X(k)|² for k = 0 … size / 2.</summary>
    /// <param name="frames">(size) vectors: sample n of each frame.</param>
    /// <param name="power">(size / 2 + 1) vectors: bin k of each frame.</param>
    public void Compute(ReadOnlySpan<Vector<float>> frames, Span<Vector<float>> power)
    {
        var (re, im) = (_re, _im);
        for (var n = 0; n < re.Length && n < im.Length; n++)
        {
            re[n] = frames[2 * n];
            im[n] = frames[(2 * n) + 1];
        }
        foreach (var stage in _stages)
        {
            stage.Run(_re, _im, _otherRe, _otherIm);
            (_re, _otherRe) = (_otherRe, _re);
            (_im, _otherIm) = (_otherIm, _im);
        }
        Split(power);
    }

    /// <summary>X(k) = E(k) + e^(-2πik/size) O(k), of which E and O, the even and odd samples' spectra, are mixed in Z.</summary>
    void Split(Span<Vector<float>> power)
    {
        var (re, im) = (_re, _im);
        var quarter = new Vector<float>(0.25f);
        for (var k = 0; k <= _half / 2; k++)
        {
            var mirror = k == 0 ? 0 : _half - k;
            var evenRe = re[k] + re[mirror];
            var evenIm = im[k] - im[mirror];
            var oddRe = im[k] + im[mirror];
            var oddIm = re[mirror] - re[k];
            var turnedRe = (oddRe * _splitCos[k]) + (oddIm * _splitSin[k]);
            var turnedIm = (oddIm * _splitCos[k]) - (oddRe * _splitSin[k]);
            var (lowRe, lowIm) = (evenRe + turnedRe, evenIm + turnedIm);
            var (highRe, highIm) = (evenRe - turnedRe, evenIm - turnedIm);
            power[k] = ((lowRe * lowRe) + (lowIm * lowIm)) * quarter;
            power[_half - k] = ((highRe * highRe) + (highIm * highIm)) * quarter;
        }
    }

    static IEnumerable<FftStage> Stages(int size)
    {
        var stride = 1;
        var left = size;
        while (left > 1)
        {
            var radix = left % 5 == 0 ? 5 : left % 4 == 0 ? 4 : 2;
            if (left % radix != 0)
                throw new ArgumentException($"A transform of {size} points is not a product of 2, 4 and 5.", nameof(size));
            yield return new FftStage(radix, left, stride);
            left /= radix;
            stride *= radix;
        }
    }
}
