using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Earshot.Features;

/// <summary>What log-mels are normalised by.</summary>
enum MelNormalization
{
    None,

    /// <summary>Each bin by its mean and deviation over the stretch that is heard at once.</summary>
    PerFeature,

    /// <summary>All by one mean and one deviation.</summary>
    AllFeatures,
}

/// <summary>
/// Log-mel features as NeMo's Conformers hear them (<c>AudioToMelSpectrogramPreprocessor</c>, and transformers'
/// <c>ParakeetFeatureExtractor</c>): pre-emphasis, symmetric Hann window of 25 ms in a transform of 512 points, power, Slaney's mel
/// filters, natural logarithm.
/// </summary>
/// <param name="MelBins">Values of a frame.</param>
/// <param name="Normalization">What becomes of loudness and of the microphone's colour.</param>
sealed record ConformerMelSettings(int MelBins, MelNormalization Normalization = MelNormalization.PerFeature) : FeatureSettings
{
    /// <summary>How much of the sample before is taken off each; 0 for nothing.</summary>
    public float PreEmphasis { get; init; } = 0.97f;

    public override int InputSize => MelBins;

    public override int HopLength => ConformerMels.HopLength;

    public override int SamplesBefore => ConformerMels.WindowLength / 2 + 1;

    public override int SamplesAfter => ConformerMels.WindowLength / 2 - ConformerMels.HopLength;

    /// <summary>Whole hops only: of what is behind them, the last frame hears a little.</summary>
    public override int FramesOf(int samples) => samples / HopLength;

    public override FeatureExtractor CreateExtractor() => new ConformerMels(this);
}

/// <summary>Computes <see cref="ConformerMelSettings"/>.</summary>
sealed class ConformerMels : FeatureExtractor
{
    public const int HopLength = 160, WindowLength = 400;

    const int FftSize = 512, Bins = FftSize / 2 + 1, Side = WindowLength / 2;
    const float Guard = 1f / (1 << 24);
    const double Epsilon = 1e-5;

    static readonly float[] s_window =
    [
        .. Enumerable.Range(0, WindowLength).Select(n => (float)(0.5 - 0.5 * Math.Cos(2 * Math.PI * n / (WindowLength - 1)))),
    ];

    readonly ConformerMelSettings _settings;
    readonly MelFilter[] _filters;
    readonly PowerSpectrum _spectrum = new(FftSize);
    readonly Vector<float>[] _frames = new Vector<float>[FftSize];
    readonly Vector<float>[] _power = new Vector<float>[Bins];
    float[] _emphasized = [];

    public ConformerMels(ConformerMelSettings settings)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(settings.MelBins, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(settings.MelBins, 512);
        _settings = settings;
        _filters = new MelFilterBank(settings.MelBins, FftSize, settings.SampleRate).Filters;
    }

    /// <summary>
    /// Computes the frames of a stretch. What is missing on either side is silence, and each frame is centred on its first sample.
    /// </summary>
    /// <inheritdoc/>
    public override void Compute(
        ReadOnlySpan<float> samples, Span<float> frames, int frameCount, ReadOnlySpan<float> before = default,
        ReadOnlySpan<float> after = default)
    {
        ComputePiece(samples, frames, frameCount, before, after);
        FinishPieces(frames[..(frameCount * _settings.MelBins)], frameCount);
    }

    internal override void ComputePiece(
        ReadOnlySpan<float> samples, Span<float> frames, int frameCount, ReadOnlySpan<float> before, ReadOnlySpan<float> after)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(frameCount, 1);
        int melBins = _settings.MelBins;
        if (samples.Length > (long)frameCount * HopLength || frames.Length < (long)frameCount * melBins)
            throw new ArgumentException(
                $"{samples.Length} samples and room for {frames.Length} values; expected at most {frameCount * HopLength} samples and " +
                $"{frameCount * melBins} values for {frameCount} frames of {melBins}.", nameof(samples));
        frames = frames[..(frameCount * melBins)];
        Emphasize(samples, frameCount, before, after);
        for (int first = 0; first < frameCount; first += PowerSpectrum.Lanes)
            ComputeBatch(first, Math.Min(PowerSpectrum.Lanes, frameCount - first), frames);
        TensorPrimitives.Add(frames, Guard, frames);
        TensorPrimitives.Log(frames, frames);
    }

    internal override void FinishPieces(Span<float> frames, int frameCount)
    {
        if (_settings.Normalization == MelNormalization.PerFeature) NormalizeBins(frames, frameCount);
        if (_settings.Normalization == MelNormalization.AllFeatures) NormalizeAll(frames);
    }

    // Half a window of what comes before, then the stretch, then half a window of what follows.
    void Emphasize(ReadOnlySpan<float> samples, int frameCount, ReadOnlySpan<float> before, ReadOnlySpan<float> after)
    {
        int length = (frameCount + PowerSpectrum.Lanes) * HopLength + WindowLength;
        if (_emphasized.Length < length) _emphasized = new float[length];
        var target = _emphasized.AsSpan(0, length);
        target.Clear();
        before = before[^Math.Min(Side + 1, before.Length)..];
        float last = 0;
        if (before.Length > Side)
        {
            last = before[0];
            before = before[1..];
        }
        int at = Side - before.Length;
        Add(before, ref at, ref last, target);
        Add(samples, ref at, ref last, target);
        // Where the stretch was filled up with silence, nothing follows.
        if (samples.Length == frameCount * HopLength) Add(after[..Math.Min(Side, after.Length)], ref at, ref last, target);
    }

    void Add(ReadOnlySpan<float> samples, ref int at, ref float last, Span<float> target)
    {
        foreach (float sample in samples)
        {
            target[at++] = sample - _settings.PreEmphasis * last;
            last = sample;
        }
    }

    void ComputeBatch(int first, int count, Span<float> frames)
    {
        const int gap = (FftSize - WindowLength) / 2;
        var lanes = MemoryMarshal.Cast<Vector<float>, float>(_frames.AsSpan());
        for (int lane = 0; lane < PowerSpectrum.Lanes; lane++)
        {
            var samples = _emphasized.AsSpan((first + lane) * HopLength, WindowLength);
            for (int n = 0, to = gap * PowerSpectrum.Lanes + lane; n < samples.Length; n++, to += PowerSpectrum.Lanes)
                lanes[to] = samples[n] * s_window[n];
        }
        _spectrum.Compute(_frames, _power);
        for (int mel = 0; mel < _filters.Length; mel++)
        {
            var sum = Vector<float>.Zero;
            var weights = _filters[mel].Weights;
            var power = _power.AsSpan(_filters[mel].FirstBin, weights.Length);
            for (int i = 0; i < power.Length; i++) sum += power[i] * weights[i];
            for (int lane = 0; lane < count; lane++) frames[(first + lane) * _filters.Length + mel] = sum[lane];
        }
    }

    void NormalizeBins(Span<float> frames, int count)
    {
        int bins = _filters.Length;
        double[] sums = new double[bins], squares = new double[bins];
        for (int first = 0; first < frames.Length; first += bins)
        {
            var frame = frames.Slice(first, bins);
            for (int bin = 0; bin < bins; bin++) sums[bin] += frame[bin];
        }
        for (int bin = 0; bin < bins; bin++) sums[bin] /= count;
        for (int first = 0; first < frames.Length; first += bins)
        {
            var frame = frames.Slice(first, bins);
            for (int bin = 0; bin < bins; bin++) squares[bin] += (frame[bin] - sums[bin]) * (frame[bin] - sums[bin]);
        }
        for (int bin = 0; bin < bins; bin++) squares[bin] = 1 / (Deviation(squares[bin], count) + Epsilon);
        for (int first = 0; first < frames.Length; first += bins)
        {
            var frame = frames.Slice(first, bins);
            for (int bin = 0; bin < bins; bin++) frame[bin] = (float)((frame[bin] - sums[bin]) * squares[bin]);
        }
    }

    static void NormalizeAll(Span<float> frames)
    {
        double mean = 0, squares = 0;
        foreach (float value in frames) mean += value;
        mean /= frames.Length;
        foreach (float value in frames) squares += (value - mean) * (value - mean);
        double factor = 1 / (Deviation(squares, frames.Length) + Epsilon);
        for (int i = 0; i < frames.Length; i++) frames[i] = (float)((frames[i] - mean) * factor);
    }

    // Of a single frame nothing deviates.
    static double Deviation(double squares, int count) => Math.Sqrt(squares / Math.Max(1, count - 1));
}
