using System.Collections.Concurrent;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Compute.Runtimes;
using Earshot.Features;
using Earshot.Models;

namespace Earshot.Transcription;

/// <summary>Tells how likely a speaker has finished, and does not only pause.</summary>
public interface IEndOfTurnDetector
{
    /// <summary>Samples at 16 kHz that are looked at, from the end; more are of no use.</summary>
    int WindowSamples { get; }

    /// <summary>A turn counts as complete above this probability.</summary>
    float Threshold { get; }

    /// <summary>
    /// The probability that the turn whose sound this is (16 kHz, −1 to 1, from its beginning to some 200 ms into the pause) is over.
    /// </summary>
    ValueTask<float> ProbabilityAsync(ReadOnlyMemory<float> samples, CancellationToken cancellationToken = default);
}

/// <summary>
/// Smart Turn: hears the last 8 s of one speaker. Made for a question some 200 ms into a pause, on a window that ends there: a longer
/// silence at its end raises the answer, whatever was said. Without speech the answer means nothing. Safe on several threads: questions are
/// computed one after another.
/// </summary>
public sealed class EndOfTurnDetector : IEndOfTurnDetector, IDisposable
{
    readonly ModelWeights _weights;
    readonly CpuDevice? _ownDevice;
    readonly CpuModelRuntime _runtime;
    readonly FeatureSettings _features;
    readonly ConcurrentBag<FeatureExtractor> _extractors = [];
    readonly int _frames;

    EndOfTurnDetector(SmartTurnConfig config, SpeechModel model, ModelWeights weights, CpuDevice? device)
    {
        _weights = weights;
        _ownDevice = device is null ? new CpuDevice(MatrixUse.ChoiceOf(weights).Apply(new CpuOptions())) : null;
        _runtime = new CpuModelRuntime(model.Parts, model.Prepare(weights), device ?? _ownDevice!);
        _features = model.Features!;
        _frames = config.Frames;
        Threshold = (float)config.Threshold;
    }

    public int WindowSamples => _frames * _features.HopLength;

    public float Threshold { get; }

    /// <summary>Opens the model in the box.</summary>
    /// <inheritdoc cref="Open(string, CpuDevice)"/>
    public static EndOfTurnDetector OpenBundled(CpuDevice? device = null) => Open(BundledModels.Require(BundledModels.SmartTurn), device);

    /// <summary>Opens a model folder.</summary>
    /// <param name="device">
    /// What computes, in the formats of its options; null for one of its own, which computes in what the weights are saved in.
    /// </param>
    /// <exception cref="CheckpointException">A file is missing or damaged, or asks for what is not implemented.</exception>
    /// <exception cref="ModelException">The folder holds a model of another kind.</exception>
    public static EndOfTurnDetector Open(string folder, CpuDevice? device = null)
    {
        var opened = new ModelFolder(folder);
        var model = ModelFamilies.Open(opened);
        if (model.Parts.Classifier is not SmartTurnClassifier)
        {
            throw new ModelException(
                $"'{folder}' holds a model of type '{model.Info.Type}', which tells no end of turn; expected smart_turn. " +
                $"{nameof(OpenBundled)} opens the model in the box.");
        }
        var weights = opened.OpenWeights();
        try
        {
            return new EndOfTurnDetector(SmartTurnConfig.Load(folder), model, weights, device);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    public async ValueTask<float> ProbabilityAsync(ReadOnlyMemory<float> samples, CancellationToken cancellationToken = default)
    {
        var features = new float[_frames * _features.InputSize];
        if (!_extractors.TryTake(out var extractor)) extractor = _features.CreateExtractor();
        extractor.Compute(samples.Span[^Math.Min(samples.Length, WindowSamples)..], features, _frames);
        _extractors.Add(extractor);
        using var answer = await _runtime.RequireEncoder().EncodeAsync(features, _frames, cancellationToken).ConfigureAwait(false);
        return 1 / (1 + MathF.Exp(-answer.Values.Span[0]));
    }

    public void Dispose()
    {
        _runtime.Dispose();
        _ownDevice?.Dispose();
        _weights.Dispose();
    }
}
