namespace Earshot.Features;

/// <summary>
/// Log-mel features of a window that ends where the sound ends: missing samples are zeros in front, then all get mean 0 and variance 1. The
/// signal is mirrored at both ends, whatever lies beyond them.
/// </summary>
sealed class EndAlignedLogMel(LogMelSpectrogram spectrogram) : FeatureExtractor
{
    readonly FeatureExtractor _normalizer = new SampleSettings(Normalize: true).CreateExtractor();
    float[] _window = [], _normalized = [];

    public override void Compute(
        ReadOnlySpan<float> samples,
        Span<float> frames,
        int frameCount,
        ReadOnlySpan<float> before = default,
        ReadOnlySpan<float> after = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(frameCount, 1);
        int length = frameCount * LogMelSpectrogram.HopLength;
        if (samples.Length > length)
        {
            throw new ArgumentException(
                $"{samples.Length} samples were given for {frameCount} frames, which are {length} at most: give the last of them.",
                nameof(samples));
        }
        if (_window.Length < length) (_window, _normalized) = (new float[length], new float[length]);
        var window = _window.AsSpan(0, length);
        window[..^samples.Length].Clear();
        samples.CopyTo(window[^samples.Length..]);
        var normalized = _normalized.AsSpan(0, length);
        _normalizer.Compute(window, normalized, length);
        spectrogram.Compute(normalized, frames, frameCount);
    }
}
