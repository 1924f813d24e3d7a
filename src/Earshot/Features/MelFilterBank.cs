namespace Earshot.Features;

/// <summary>
/// Triangular filters on Slaney's mel scale (linear to 1 kHz, logarithmic above), each of unit area, as librosa's
/// <c>filters.mel</c> makes them and Whisper was trained with: from 0 Hz to the Nyquist frequency.
/// </summary>
internal sealed class MelFilterBank
{
    const double LinearStep = 200.0 / 3;
    const double BreakFrequency = 1000;
    const double BreakMel = BreakFrequency / LinearStep;
    static readonly double LogStep = Math.Log(6.4) / 27;

    public MelFilterBank(int melBins, int fftSize, int sampleRate)
    {
        var bins = (fftSize / 2) + 1;
        var top = ToMel(sampleRate / 2.0);
        var edges = new double[melBins + 2];
        for (var i = 0; i < edges.Length; i++) edges[i] = ToFrequency(top * i / (melBins + 1));

        Filters = new MelFilter[melBins];
        for (var mel = 0; mel < melBins; mel++)
        {
            var (low, centre, high) = (edges[mel], edges[mel + 1], edges[mel + 2]);
            var weights = new double[bins];
            for (var bin = 0; bin < bins; bin++)
            {
                var frequency = (double)bin * sampleRate / fftSize;
                var triangle = Math.Min((frequency - low) / (centre - low), (high - frequency) / (high - centre));
                weights[bin] = Math.Max(0, triangle) * 2 / (high - low);
            }
            Filters[mel] = Trim(weights);
        }
    }

    /// <summary>The filters from low to high.</summary>
    public MelFilter[] Filters { get; }

    /// <summary>Filters whose weights are given, (melBins, bins).</summary>
    public static MelFilter[] Of(IReadOnlyList<float> weights, int melBins, int bins)
    {
        if (weights.Count != melBins * bins)
            throw new ArgumentException($"{weights.Count} weights; expected {melBins} filters of {bins} bins.", nameof(weights));
        return [.. Enumerable.Range(0, melBins).Select(mel => Trim([.. weights.Skip(mel * bins).Take(bins).Select(w => (double)w)]))];
    }

    static MelFilter Trim(double[] weights)
    {
        var first = Array.FindIndex(weights, w => w > 0);
        if (first < 0) return new MelFilter(0, []);
        var last = Array.FindLastIndex(weights, w => w > 0);
        return new MelFilter(first, [.. weights[first..(last + 1)].Select(w => (float)w)]);
    }

    static double ToMel(double frequency) =>
        frequency < BreakFrequency ? frequency / LinearStep : BreakMel + (Math.Log(frequency / BreakFrequency) / LogStep);

    static double ToFrequency(double mel) =>
        mel < BreakMel ? mel * LinearStep : BreakFrequency * Math.Exp(LogStep * (mel - BreakMel));
}

/// <summary>One triangle: its weights from a first frequency bin on, zero elsewhere.</summary>
internal sealed record MelFilter(int FirstBin, float[] Weights);
