using Earshot.Compute.Measuring;
using Earshot.Compute.Runtimes;
using Earshot.Features;

namespace Earshot.Benchmarks;

/// <summary>Synthetic speech-like sound and the buffers of a run.</summary>
sealed class BenchmarkInput : IDisposable
{
    readonly BenchmarkSubject _subject;
    readonly List<EncodedAudio> _windows = [];
    readonly FeatureExtractor? _extractor;
    readonly float[] _samples = [];
    readonly float[][] _logits = [];

    public BenchmarkInput(BenchmarkSubject subject, BenchmarkOptions options)
    {
        _subject = subject;
        var random = new Random(1);
        if (subject.Runtime.Encoder is { Shape: var shape })
        {
            Frames = options.Frames ?? ModelCosts.WindowFramesOf(subject.Model.Parts);
            Seconds = subject.Model.Parts.Encoder!.PositionsOf(Frames) * shape.SecondsPerPosition;
            Features = new float[(long)Frames * shape.InputSize];
            for (int i = 0; i < Features.Length; i++) Features[i] = random.NextSingle() - 0.5f;
        }
        if (subject.Model.Features is { } features && Frames > 0)
        {
            _extractor = features.CreateExtractor();
            _samples = new float[Frames * features.HopLength];
            for (int i = 0; i < _samples.Length; i++) _samples[i] = 0.1f * MathF.Sin(i * 0.05f) * (random.NextSingle() - 0.5f);
        }
        if (subject.Runtime.Decoder is not { Shape.VocabSize: var vocabulary }) return;
        Prompt = [.. Enumerable.Range(0, options.PromptOf(subject.Model.Parts)).Select(i => (100 + i) % vocabulary)];
        StreamPrompt = Prompt[..options.StreamPromptOf(subject.Model.Parts)];
        _logits = [.. Enumerable.Range(0, Math.Max(1, options.Streams)).Select(_ => new float[vocabulary])];
    }

    /// <summary>Frames of a window; 0 without an encoder.</summary>
    public int Frames { get; }

    /// <summary>Seconds of a window; 0 without an encoder.</summary>
    public double Seconds { get; }

    public float[] Features { get; } = [];

    public int[] Prompt { get; } = [];

    /// <summary>The beginning of it, for streams.</summary>
    public int[] StreamPrompt { get; } = [];

    public bool ComputesFeatures => _extractor is not null;

    public Memory<float> Logits(int stream) => _logits[stream];

    public void ComputeFeatures() => _extractor!.Compute(_samples, Features, Frames);

    /// <summary>Encodes a window; null where the decoder hears none.</summary>
    public async ValueTask<EncodedAudio?> EncodeAsync(CancellationToken cancellationToken) =>
        _subject.Runtime.Encoder is { } encoder
            ? await encoder.EncodeAsync(Features, Frames, cancellationToken).ConfigureAwait(false)
            : null;

    /// <summary>A generation of one sequence, over a window where the decoder attends to audio.</summary>
    public async ValueTask<Generation> BeginAsync(EncodedAudio? audio, CancellationToken cancellationToken) =>
        await _subject.Runtime.RequireDecoder()
            .BeginAsync(_subject.Model.Parts.HasMemory ? audio : null, 1, cancellationToken).ConfigureAwait(false);

    /// <summary>Windows of full length for the streams, encoded once for all rounds.</summary>
    public async ValueTask<IReadOnlyList<EncodedAudio?>> WindowsAsync(int count, CancellationToken cancellationToken)
    {
        if (!_subject.Model.Parts.HasMemory) return new EncodedAudio?[count];
        while (_windows.Count < count) _windows.Add((await EncodeAsync(cancellationToken).ConfigureAwait(false))!);
        return _windows;
    }

    public void Dispose()
    {
        foreach (var window in _windows) window.Dispose();
    }
}
