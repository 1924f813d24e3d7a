using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Models;

namespace Earshot.Speakers;

/// <summary>
/// Tells for each frame of a window which of its local speakers are active. The numbering of speakers is each window's own. Safe on
/// several threads: calls are computed one after another.
/// </summary>
public sealed class SpeakerSegmentation : IDisposable
{
    /// <summary>Windows whose samples are turned into frames together; more would only take more memory.</summary>
    const int EncodedTogether = 4;

    /// <summary>Windows that the LSTMs step through together, which read their weights once a step for all.</summary>
    const int SteppedTogether = 24;

    /// <summary>How much longer than those of the training a window may be.</summary>
    const int MostDurations = 12;

    readonly OpenedModel _model;

    SpeakerSegmentation(OpenedModel model, PyannoteSegmentationConfig config, Powerset powerset) =>
        (_model, Config, Powerset) = (model, config, powerset);

    public PyannoteSegmentationConfig Config { get; }

    /// <summary>What the classes stand for.</summary>
    public Powerset Powerset { get; }

    /// <summary>Samples of a window as in the training, at 16 kHz: 10 s. Others work, at some loss.</summary>
    public int WindowSamples => Config.WindowSamples;

    /// <summary>From one frame to the next: 16.875 ms.</summary>
    public TimeSpan FrameStep => Time(Config.StepSamples);

    /// <summary>What one frame sees: 61.9 ms, of which its time is the middle.</summary>
    public TimeSpan FrameDuration => Time(Config.FrameSamples);

    /// <summary>Opens the model in the box.</summary>
    /// <exception cref="CheckpointException">It did not come with this program, or is damaged.</exception>
    public static SpeakerSegmentation OpenBundled(CpuDevice device) =>
        Open(BundledModels.Require(BundledModels.SpeakerSegmentation), device);

    /// <summary>Opens a model folder: <c>config.json</c> and <c>model.safetensors</c>.</summary>
    /// <exception cref="CheckpointException">A file is missing or damaged, or asks for what is not implemented.</exception>
    public static SpeakerSegmentation Open(string folder, CpuDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        var config = PyannoteSegmentationConfig.Load(folder);
        var powerset = new Powerset(config.Speakers, config.PowersetMaxClasses);
        return new SpeakerSegmentation(
            OpenedModel.Open(folder, device, checkpoint => PyannoteSegmentationModel.Prepare(checkpoint, config)), config, powerset);
    }

    /// <summary>The frames that some samples make: 589 for 10 s.</summary>
    public int FrameCount(int samples) => Config.Frames(samples);

    /// <summary>Log-probabilities of <see cref="Powerset"/>'s classes in each frame of some windows.</summary>
    /// <param name="windows">(count, samples), −1 to 1 at 16 kHz. A window's numbers do not depend on the others.</param>
    /// <param name="count">Windows, all of one length.</param>
    /// <param name="logProbabilities">(count, frames, classes).</param>
    public void Segment(ReadOnlySpan<float> windows, int count, Span<float> logProbabilities, CancellationToken cancellationToken = default)
    {
        var size = Check(windows.Length, count, logProbabilities.Length);
        // Copies, since a span cannot go to the device's thread.
        var (input, results) = (windows.ToArray(), new float[logProbabilities.Length]);
        _model.Run(() => Compute(input, size, results, cancellationToken), cancellationToken);
        results.CopyTo(logProbabilities);
    }

    /// <summary>The same, computed on another thread.</summary>
    public Task SegmentAsync(
        ReadOnlyMemory<float> windows, int count, Memory<float> logProbabilities, CancellationToken cancellationToken = default)
    {
        var size = Check(windows.Length, count, logProbabilities.Length);
        return _model.RunAsync(() => Compute(windows.Span, size, logProbabilities.Span, cancellationToken), cancellationToken);
    }

    public void Dispose() => _model.Dispose();

    static TimeSpan Time(int samples) => TimeSpan.FromTicks(samples * TimeSpan.TicksPerSecond / PyannoteSegmentationConfig.SampleRate);

    WindowSize Check(int samples, int count, int results)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count == 0 || samples % count != 0)
            return samples == 0 ? default : throw new ArgumentException($"{samples} samples are not {count} windows of one length.");
        int each = samples / count, frames = FrameCount(each);
        if (frames < 1 || each > MostDurations * WindowSamples)
            throw new ArgumentException(
                $"Windows of {each} samples were given; expected {Config.FrameSamples} to " +
                $"{MostDurations * WindowSamples}, best {WindowSamples}.");
        if (results != (long)count * frames * Powerset.Count)
            throw new ArgumentException(
                $"There is room for {results} log-probabilities; expected {(long)count * frames * Powerset.Count}: " +
                $"{count} windows of {frames} frames of {Powerset.Count} classes.");
        return new WindowSize(count, each, frames);
    }

    void Compute(ReadOnlySpan<float> windows, WindowSize size, Span<float> results, CancellationToken cancellationToken)
    {
        int together = Math.Clamp(SteppedTogether * WindowSamples / Math.Max(1, size.Samples), 1, SteppedTogether),
            classes = Powerset.Count, width = Config.ConvChannels[^1];
        for (int first = 0; first < size.Count; first += together)
        {
            int count = Math.Min(together, size.Count - first);
            var encoded = new float[count * size.Frames * width];
            for (int w = 0; w < count; w += EncodedTogether)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int group = Math.Min(EncodedTogether, count - w);
                _model.Backend.FreeTemporaries();
                var samples = _model.Backend.Input(
                    windows.Slice((first + w) * size.Samples, group * size.Samples), new Shape(group, size.Samples, 1));
                CpuBackend.Read(PyannoteSegmentationModel.Encode(samples, _model.Weights, Config))
                    .CopyTo(encoded.AsSpan(w * size.Frames * width));
            }
            _model.Backend.FreeTemporaries();
            var frames = _model.Backend.Input(encoded, new Shape(count, size.Frames, width));
            var decided = PyannoteSegmentationModel.Classify(frames, _model.Weights, Config, classes);
            CpuBackend.Read(decided).CopyTo(results[(first * size.Frames * classes)..]);
        }
        _model.Backend.FreeTemporaries();
    }

    readonly record struct WindowSize(int Count, int Samples, int Frames);
}
