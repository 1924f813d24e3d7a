using System.Numerics;

namespace Earshot.Audio;

/// <summary>
/// The low-pass filter of a rational resampler, cut into phases: a sinc under a Kaiser window, designed at the lower of the
/// two rates (Nyquist frequency N): pass-band to 0.9375 N, stop-band from 1.0625 N, 96 dB down. For 16 kHz that is a
/// pass-band to 7.5 kHz and a stop-band from 8.5 kHz. Each phase is normalised to a gain of exactly 1 at 0 Hz.
/// </summary>
internal sealed class ResamplerFilter
{
    const double PassEdge = 0.9375;
    const double StopEdge = 1.0625;
    const double Attenuation = 96;

    // Ratios of more phases than this a period of the cutoff (odd rates such as 44,101 Hz) interpolate linearly between neighbouring ones,
    // an error below -110 dB.
    const int MaxPhases = 1024;

    readonly float[] _taps;

    public ResamplerFilter(int phases, double cutoff)
    {
        // Kaiser's formulas: the window's shape from the attenuation, its length from the transition's width too.
        var beta = 0.1102 * (Attenuation - 8.7);
        var width = (StopEdge - PassEdge) * Math.PI * cutoff;
        Half = (int)Math.Ceiling((Attenuation - 7.95) / (2.285 * width) / 2);
        Length = RoundUp(2 * Half);
        var most = (int)Math.Ceiling(MaxPhases * cutoff);
        Interpolates = phases > most;
        Phases = Math.Min(phases, most);
        // One phase more than needed: the last one's neighbour when interpolating.
        _taps = new float[(Phases + 1) * Length];
        for (var phase = 0; phase <= Phases; phase++) Design(_taps.AsSpan(phase * Length, Length), (double)phase / Phases, cutoff, beta);
    }

    /// <summary>Taps on each side of an output sample.</summary>
    public int Half { get; }

    /// <summary>Taps of one phase, padded with zeros to whole vectors.</summary>
    public int Length { get; }

    /// <summary>Phases stored.</summary>
    public int Phases { get; }

    /// <summary>Whether outputs lie between stored phases.</summary>
    public bool Interpolates { get; }

    public ReadOnlySpan<float> Taps(int phase) => _taps.AsSpan(phase * Length, Length);

    static int RoundUp(int length)
    {
        var step = 4 * Vector<float>.Count;
        return (length + step - 1) / step * step;
    }

    /// <summary>
    /// Tap k weighs the input sample k + 1 - Half away from the output's whole position, which is <paramref name="offset"/> behind the
    /// output.
    /// </summary>
    void Design(Span<float> taps, double offset, double cutoff, double beta)
    {
        var values = new double[2 * Half];
        var sum = 0.0;
        for (var k = 0; k < values.Length; k++)
        {
            var t = k + 1 - Half - offset;
            var edge = t / Half;
            if (Math.Abs(edge) > 1) continue;
            var x = Math.PI * cutoff * t;
            values[k] = (x == 0 ? 1 : Math.Sin(x) / x) * Bessel(beta * Math.Sqrt(1 - (edge * edge)));
            sum += values[k];
        }
        for (var k = 0; k < values.Length; k++) taps[k] = (float)(values[k] / sum);
    }

    /// <summary>The modified Bessel function of the first kind and order 0, by its power series.</summary>
    static double Bessel(double x)
    {
        double sum = 1, term = 1;
        for (var k = 1; term > sum * 1e-17; k++)
        {
            term *= x * x / (4.0 * k * k);
            sum += term;
        }
        return sum;
    }
}
