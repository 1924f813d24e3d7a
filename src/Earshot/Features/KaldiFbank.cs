using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Earshot.Features;

/// <summary>
/// Kaldi's log-mel features (<c>compute-fbank-feats</c> without dither): frames of 25 ms every 10 ms, whole ones only, their mean taken
/// off, pre-emphasis of 0.97, Povey's window, power spectrum of 512 points, triangles on the mel scale from 20 Hz to 8 kHz, natural
/// logarithm of at least 2⁻²³. Samples are −1 to 1 at 16 kHz. Keeps its scratch: not safe for use by several threads at once.
/// </summary>
public sealed class KaldiFbank
{
    /// <summary>Samples from one frame to the next: 10 ms.</summary>
    public const int FrameShift = 160;

    /// <summary>Samples in a frame: 25 ms.</summary>
    public const int FrameLength = 400;

    const int FftSize = 512;
    const int Bins = FftSize / 2 + 1;
    const float PreEmphasis = 0.97f;
    const float Floor = 1.1920929e-7f;
    const double LowFrequency = 20;
    const double HighFrequency = 8000;

    static readonly float[] Povey =
    [
        .. Enumerable.Range(0, FrameLength).Select(i => (float)Math.Pow(0.5 - 0.5 * Math.Cos(2 * Math.PI * i / (FrameLength - 1)), 0.85))
    ];

    readonly MelFilter[] _filters;
    readonly PowerSpectrum _spectrum = new(FftSize);
    readonly Vector<float>[] _frames = new Vector<float>[FftSize];
    readonly Vector<float>[] _power = new Vector<float>[Bins];
    readonly float[] _frame = new float[FrameLength];

    /// <param name="melBins">Values of a frame, such as 80.</param>
    public KaldiFbank(int melBins = 80)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(melBins, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(melBins, 512);
        MelBins = melBins;
        _filters = [.. Enumerable.Range(0, melBins).Select(bin => Triangle(bin, melBins))];
    }

    /// <summary>Values of a frame.</summary>
    public int MelBins { get; }

    /// <summary>The whole frames in some samples.</summary>
    public static int FrameCount(int samples) => samples < FrameLength ? 0 : 1 + (samples - FrameLength) / FrameShift;

    /// <summary>The features of some samples: (frames, mel bins), frame by frame.</summary>
    public float[] Compute(ReadOnlySpan<float> samples)
    {
        int count = FrameCount(samples.Length);
        var features = new float[checked(count * MelBins)];
        for (int first = 0; first < count; first += PowerSpectrum.Lanes)
        {
            int lanes = Math.Min(PowerSpectrum.Lanes, count - first);
            for (int lane = 0; lane < lanes; lane++) Load(samples.Slice((first + lane) * FrameShift, FrameLength), lane);
            _spectrum.Compute(_frames, _power);
            for (int mel = 0; mel < MelBins; mel++)
            {
                var energy = Filter(_filters[mel]);
                for (int lane = 0; lane < lanes; lane++) features[(first + lane) * MelBins + mel] = energy[lane];
            }
        }
        TensorPrimitives.Max(features, Floor, features);
        TensorPrimitives.Log(features, features);
        return features;
    }

    /// <summary>Takes off each column's mean over all rows, as speaker embedding models expect: (rows, columns), in place.</summary>
    public static void SubtractMeans(Span<float> features, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        int rows = features.Length / columns;
        if (rows == 0) return;
        var sums = new double[columns];
        for (int r = 0; r < rows; r++)
        {
            var row = features.Slice(r * columns, columns);
            for (int c = 0; c < columns; c++) sums[c] += row[c];
        }
        float[] means = [.. sums.Select(sum => (float)(sum / rows))];
        for (int r = 0; r < rows; r++)
            TensorPrimitives.Subtract(features.Slice(r * columns, columns), means, features.Slice(r * columns, columns));
    }

    // Mean, pre-emphasis and window of one frame; its points from 400 on stay zero.
    void Load(ReadOnlySpan<float> samples, int lane)
    {
        TensorPrimitives.Subtract(samples, TensorPrimitives.Sum(samples) / FrameLength, _frame);
        float first = _frame[0] * (1 - PreEmphasis);
        // From the end, since each sample needs the one before it as it was.
        for (int i = FrameLength - 1; i > 0; i--) _frame[i] -= PreEmphasis * _frame[i - 1];
        _frame[0] = first;
        TensorPrimitives.Multiply(_frame, Povey, _frame);
        var lanes = MemoryMarshal.Cast<Vector<float>, float>(_frames.AsSpan());
        for (int n = 0, at = lane; n < FrameLength; n++, at += PowerSpectrum.Lanes) lanes[at] = _frame[n];
    }

    Vector<float> Filter(MelFilter filter)
    {
        var sum = Vector<float>.Zero;
        var power = _power.AsSpan(filter.FirstBin, filter.Weights.Length);
        for (int i = 0; i < power.Length; i++) sum += power[i] * filter.Weights[i];
        return sum;
    }

    // Straight lines in mel, not in hertz; the bin at half the sample rate has no weight.
    static MelFilter Triangle(int bin, int melBins)
    {
        double low = Mel(LowFrequency), step = (Mel(HighFrequency) - low) / (melBins + 1), left = low + bin * step;
        var weights = Enumerable.Range(0, FftSize / 2).Select(k =>
        {
            double mel = Mel((double)k * Audio.SampleStream.SampleRate / FftSize);
            return (float)Math.Max(0, Math.Min((mel - left) / step, (left + 2 * step - mel) / step));
        }).ToArray();
        int first = Array.FindIndex(weights, weight => weight > 0);
        return first < 0
            ? new MelFilter(0, [])
            : new MelFilter(first, weights[first..(Array.FindLastIndex(weights, weight => weight > 0) + 1)]);
    }

    static double Mel(double frequency) => 1127 * Math.Log(1 + frequency / 700);
}
