namespace Earshot.Features;

/// <summary>Features as Kaldi computes them: see <see cref="KaldiFbank"/>. Frame t hears 25 ms from 10 · t ms on.</summary>
public sealed record KaldiFbankSettings(int MelBins) : FeatureSettings
{
    /// <summary>Whether the mean over time of the frames that are computed together is taken off them.</summary>
    public bool SubtractsMeans { get; init; }

    public override int InputSize => MelBins;

    public override int HopLength => KaldiFbank.FrameShift;

    public override int SamplesAfter => KaldiFbank.FrameLength - KaldiFbank.FrameShift;

    public override FeatureExtractor CreateExtractor() => new Extractor(this);

    sealed class Extractor(KaldiFbankSettings settings) : FeatureExtractor
    {
        readonly KaldiFbank _fbank = new(settings.MelBins);
        float[] _samples = [];

        public override void Compute(
            ReadOnlySpan<float> samples, Span<float> frames, int frameCount, ReadOnlySpan<float> before = default,
            ReadOnlySpan<float> after = default)
        {
            if (frameCount == 0) return;
            int length = (frameCount * KaldiFbank.FrameShift) + settings.SamplesAfter, own = frameCount * KaldiFbank.FrameShift;
            if (samples.Length > own)
                throw new ArgumentException($"{samples.Length} samples were given for {frameCount} frames, which are {own} at most.",
                    nameof(samples));
            if (_samples.Length < length) _samples = new float[length];
            var heard = _samples.AsSpan(0, length);
            heard.Clear();
            samples.CopyTo(heard);
            // What comes after follows the stretch only where it is whole.
            if (samples.Length == own) after[..Math.Min(after.Length, settings.SamplesAfter)].CopyTo(heard[own..]);
            var computed = frames[..(frameCount * settings.MelBins)];
            _fbank.Compute(heard).CopyTo(computed);
            if (settings.SubtractsMeans) KaldiFbank.SubtractMeans(computed, settings.MelBins);
        }
    }
}
