using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Earshot.Features;

/// <summary>
/// Whisper's log-mel features (openai/whisper, <c>log_mel_spectrogram</c>) of one window of up to 30 s: periodic Hann
/// window of 400 samples every 160, centred frames, power spectrum, Slaney mel filters, log10 clamped at 1e-10 and at
/// 8 below the window's maximum, then (x + 4) / 4. The reference clamps at 8 below the whole recording's maximum, which
/// a stream cannot know; on a recording that fits one window the two agree, and transcribing window after window goes by
/// the loudest heard so far. Keeps its scratch: not safe for use by
/// several threads at once, and allocates nothing after the first call of a size.
/// </summary>
public sealed class LogMelSpectrogram : FeatureExtractor
{
    /// <summary>Samples from one frame to the next: 10 ms.</summary>
    public const int HopLength = 160;

    /// <summary>Samples in a frame: 25 ms.</summary>
    public const int FftSize = 400;

    /// <summary>Frames in a 30-second window.</summary>
    public const int WindowFrames = 3000;

    /// <summary>Samples in a 30-second window.</summary>
    public const int WindowSamples = WindowFrames * HopLength; // 480,000

    /// <summary>Samples before a window that its first frames reach into.</summary>
    public const int SamplesBefore = FftSize / 2;

    /// <summary>Samples after a window that its last frame reaches into.</summary>
    public const int SamplesAfter = (FftSize / 2) - HopLength;

    /// <summary>How far below the loudest value the quietest may lie: 8 powers of ten, a quarter of it after scaling.</summary>
    internal const float Range = 2;

    const int Bins = (FftSize / 2) + 1;
    const float Floor = 1e-10f;

    static readonly float[] Hann =
    [
        .. Enumerable.Range(0, FftSize).Select(n => (float)(0.5 - (0.5 * Math.Cos(2 * Math.PI * n / FftSize))))
    ];

    readonly MelFilter[] _filters;
    readonly PowerSpectrum _spectrum = new(FftSize);
    readonly Vector<float>[] _frames = new Vector<float>[FftSize];
    readonly Vector<float>[] _power = new Vector<float>[Bins];
    readonly Vector<float>[] _mels;
    float[] _padded = [];

    /// <param name="melBins">80, or 128 for large-v3 and its descendants.</param>
    public LogMelSpectrogram(int melBins) : this(melBins, filters: null)
    {
    }

    /// <param name="filters">Weights of the mel filters, (melBins, 201); null for the usual ones.</param>
    internal LogMelSpectrogram(int melBins, IReadOnlyList<float>? filters)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(melBins, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(melBins, 512);
        MelBins = melBins;
        _filters = filters is null
            ? new MelFilterBank(melBins, FftSize, Audio.SampleStream.SampleRate).Filters
            : MelFilterBank.Of(filters, melBins, Bins);
        _mels = new Vector<float>[melBins];
    }

    /// <summary>Values in a frame.</summary>
    public int MelBins { get; }

    /// <summary>Computes a window's features.</summary>
    /// <param name="samples">At most <paramref name="frameCount"/> · 160 samples at 16 kHz; silence follows up to that length.</param>
    /// <param name="frames">(frameCount, MelBins), frame by frame.</param>
    /// <param name="frameCount">Frames to compute, 3000 for Whisper's window.</param>
    /// <param name="before">The samples just before the window (the last 200 count); where they are missing the signal is mirrored, as the
    /// reference does at a recording's start.</param>
    /// <param name="after">The samples just after the window (the first 40 count); where they are missing the signal is mirrored.</param>
    public override void Compute(
        ReadOnlySpan<float> samples, Span<float> frames, int frameCount, ReadOnlySpan<float> before = default,
        ReadOnlySpan<float> after = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(frameCount, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(frameCount, int.MaxValue / 2 / FftSize);
        if (samples.Length > frameCount * HopLength)
            throw new ArgumentException(
                $"{samples.Length} samples for {frameCount} frames; " +
                $"expected at most {frameCount * HopLength}: pass what lies beyond as the samples after.", nameof(samples));
        if (frames.Length < frameCount * MelBins)
            throw new ArgumentException(
                $"Room for {frames.Length} values; expected {frameCount * MelBins}, {frameCount} frames of {MelBins}.", nameof(frames));

        frames = frames[..(frameCount * MelBins)];
        var end = Pad(samples, frameCount, before, after);
        for (var first = 0; first < frameCount; first += PowerSpectrum.Lanes)
            ComputeBatch(first, Math.Min(PowerSpectrum.Lanes, frameCount - first), frames, end);
        Compress(frames);
    }

    /// <summary>Turns (frameCount, melBins) into (melBins, frameCount), the order of the reference.</summary>
    public static void Transpose(ReadOnlySpan<float> frames, Span<float> mels, int frameCount, int melBins)
    {
        if (frames.Length != frameCount * melBins || mels.Length < frames.Length)
            throw new ArgumentException(
                $"{frames.Length} values into room for {mels.Length}; expected {frameCount} frames of {melBins}.", nameof(frames));
        for (var mel = 0; mel < melBins; mel++)
        {
            var row = mels.Slice(mel * frameCount, frameCount);
            for (var frame = 0; frame < row.Length; frame++) row[frame] = frames[(frame * melBins) + mel];
        }
    }

    /// <summary>
    /// Lays out the window with 200 samples on each side and returns where, in it, the last sample that is not padding ends.
    /// </summary>
    int Pad(ReadOnlySpan<float> samples, int frameCount, ReadOnlySpan<float> before, ReadOnlySpan<float> after)
    {
        const int Side = FftSize / 2;
        var window = frameCount * HopLength;
        // The last batch's unused lanes read beyond the window: whole lanes keep them inside.
        var length = ((frameCount + PowerSpectrum.Lanes) * HopLength) + FftSize;
        if (_padded.Length < length) _padded = new float[length];
        var padded = _padded.AsSpan(0, length);

        before = before[^Math.Min(Side, before.Length)..];
        after = after[..Math.Min(Side, after.Length)];
        var start = Side - before.Length;
        before.CopyTo(padded[start..]);
        samples.CopyTo(padded[Side..]);
        padded[(Side + samples.Length)..].Clear();
        after.CopyTo(padded[(Side + window)..]);
        var end = Side + window + after.Length;

        // Mirrored about the first and the last sample there is, which is not repeated.
        for (var i = 1; i <= start; i++) padded[start - i] = start + i < end ? padded[start + i] : 0;
        for (var i = 1; i <= Side - after.Length; i++) padded[end - 1 + i] = end - 1 - i >= start ? padded[end - 1 - i] : 0;
        var silent = padded.LastIndexOfAnyExcept(0f);
        return silent + 1;
    }

    void ComputeBatch(int first, int count, Span<float> frames, int end)
    {
        var target = frames.Slice(first * MelBins, count * MelBins);
        if (first * HopLength >= end)
        {
            target.Fill(Floor);
            return;
        }
        Load(first);
        _spectrum.Compute(_frames, _power);
        for (var mel = 0; mel < _mels.Length; mel++) _mels[mel] = Filter(_filters[mel]);

        var lanes = MemoryMarshal.Cast<Vector<float>, float>(_mels.AsSpan());
        for (var lane = 0; lane < count; lane++)
        {
            var frame = target.Slice(lane * MelBins, MelBins);
            for (var mel = 0; mel < frame.Length; mel++) frame[mel] = lanes[(mel * PowerSpectrum.Lanes) + lane];
        }
    }

    /// <summary>Windows a batch of frames, sample n of each in vector n.</summary>
    void Load(int first)
    {
        var lanes = MemoryMarshal.Cast<Vector<float>, float>(_frames.AsSpan());
        for (var lane = 0; lane < PowerSpectrum.Lanes; lane++)
        {
            var frame = _padded.AsSpan((first + lane) * HopLength, FftSize);
            for (int n = 0, at = lane; n < frame.Length; n++, at += PowerSpectrum.Lanes) lanes[at] = frame[n];
        }
        for (var n = 0; n < _frames.Length; n++) _frames[n] *= Hann[n];
    }

    Vector<float> Filter(MelFilter filter)
    {
        var sum = Vector<float>.Zero;
        var power = _power.AsSpan(filter.FirstBin, filter.Weights.Length);
        for (var i = 0; i < power.Length; i++) sum += power[i] * filter.Weights[i];
        return sum;
    }

    static void Compress(Span<float> frames)
    {
        TensorPrimitives.Max(frames, Floor, frames);
        TensorPrimitives.Log10(frames, frames);
        TensorPrimitives.Max(frames, TensorPrimitives.Max<float>(frames) - 8, frames);
        TensorPrimitives.Add(frames, 4f, frames);
        TensorPrimitives.Multiply(frames, 0.25f, frames);
    }
}
