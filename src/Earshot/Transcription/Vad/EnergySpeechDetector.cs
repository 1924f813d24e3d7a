using System.Numerics.Tensors;

namespace Earshot.Transcription;

/// <summary>
/// Tells speech by loudness alone: a window whose root mean square is above a threshold counts as speech, and so does what follows it down
/// to half of that. For quiet rooms, and as the baseline; noise is speech to it.
/// </summary>
public sealed class EnergySpeechDetector : ISpeechDetector
{
    const float Release = 0.5f;

    readonly double _threshold;
    double _sum;
    int _filled;
    bool _speaking;

    /// <param name="threshold">The root mean square of samples from −1 to 1 above which somebody speaks.</param>
    public EnergySpeechDetector(double threshold = 0.01)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threshold);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threshold, 1);
        _threshold = threshold;
    }

    public int WindowSize => 512;

    public void Process(ReadOnlySpan<float> samples, ICollection<float> probabilities)
    {
        ArgumentNullException.ThrowIfNull(probabilities);
        while (!samples.IsEmpty)
        {
            int count = Math.Min(WindowSize - _filled, samples.Length);
            _sum += TensorPrimitives.SumOfSquares(samples[..count]);
            samples = samples[count..];
            _filled += count;
            if (_filled == WindowSize) Decide(probabilities);
        }
    }

    public void Finish(ICollection<float> probabilities)
    {
        ArgumentNullException.ThrowIfNull(probabilities);
        if (_filled > 0) Decide(probabilities);
    }

    public void Dispose() { }

    void Decide(ICollection<float> probabilities)
    {
        double loudness = Math.Sqrt(_sum / WindowSize);
        _speaking = loudness > (_speaking ? _threshold * Release : _threshold);
        probabilities.Add(_speaking ? 1 : 0);
        (_sum, _filled) = (0, 0);
    }
}
