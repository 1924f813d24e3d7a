using System.Runtime.CompilerServices;
using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Recognition;

namespace Earshot.Transcription;

/// <summary>
/// A loaded model and all that transcribing with it takes. Safe on several threads at once: transcriptions that run
/// together share the weights and are computed together.
/// </summary>
/// <example><code>
/// using var transcriber = await Transcriber.LoadAsync();
/// await foreach (var segment in transcriber.TranscribeAsync("talk.wav"))
///     Console.WriteLine($"{segment.Start:mm\\:ss} {segment.Text}");
/// </code></example>
public sealed class Transcriber : IDisposable
{
    readonly List<IDisposable> _owned;
    readonly HubOptions _hub;
    readonly string? _detectorFile;
    readonly RecordingTranscriber _transcriber;
    readonly Lazy<CpuDevice> _detectorDevice = new(() => new CpuDevice(new CpuOptions { Threads = 1 }));
    Lazy<ComputeSettings>? _settings;
    SafetensorsFile? _detectorFileOpened;
    SileroWeights? _detectorWeights;
    object? _detectorLock;

    Transcriber(string model, Recognizer recognizer, HubOptions hub, string? detectorFile, List<IDisposable> owned)
    {
        Model = model;
        Recognizer = recognizer;
        _hub = hub;
        _detectorFile = detectorFile;
        _owned = owned;
        _transcriber = new RecordingTranscriber(recognizer, CreateSpeechDetector);
    }

    /// <summary>The name or folder that it was loaded from.</summary>
    public string Model { get; }

    /// <summary>The model itself, as it turns windows of sound into text.</summary>
    public Recognizer Recognizer { get; }

    /// <summary>What it is computed with; null for a model that runs elsewhere, unless whoever wrapped it says so.</summary>
    public ComputeSettings? Settings => _settings?.Value;

    /// <summary>
    /// Loads the model in the box, Whisper base, which the package Earshot.Models.Base puts beside the program; nothing is downloaded.
    /// </summary>
    /// <exception cref="CheckpointException">It did not come with this program; the message says what to add, or to give
    /// instead.</exception>
    public static Task<Transcriber> LoadAsync(
        TranscriberOptions? options = null, IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        LoadAsync(ModelNames.Default, options, progress, cancellationToken);

    /// <summary>
    /// Loads a model by local folder, by its name on the hub (<c>openai/whisper-small</c>) or a short name (<c>turbo</c>; <c>base</c> is
    /// the model in the box), downloading it where it is not here yet.
    /// </summary>
    /// <exception cref="CheckpointException">The model cannot be had, is damaged, or its files contradict each other.</exception>
    /// <exception cref="ModelException">The model is of another kind.</exception>
    public static async Task<Transcriber> LoadAsync(
        string model, TranscriberOptions? options = null, IProgress<DownloadProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(model);
        options ??= new TranscriberOptions();
        var hubOptions = options.Hub ?? HubOptions.FromEnvironment();
        using var hub = new ModelHub(hubOptions);
        var folder = await hub.GetAsync(model, progress, cancellationToken).ConfigureAwait(false);
        var draft = options.Draft is null ? null : await hub.GetAsync(options.Draft, progress, cancellationToken).ConfigureAwait(false);
        return await Task.Run(() => Load(model, (folder, draft), options, hubOptions), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Wraps a model that runs elsewhere, such as a graph in ONNX Runtime; the transcriber disposes of it.</summary>
    /// <param name="settings">What it is computed with, for <see cref="Settings"/>.</param>
    public static Transcriber Over(
        string model, Recognizer recognizer, TranscriberOptions? options = null, ComputeSettings? settings = null)
    {
        ArgumentNullException.ThrowIfNull(recognizer);
        return new Transcriber(model, recognizer, options?.Hub ?? HubOptions.FromEnvironment(), options?.SpeechDetectorFile, [recognizer])
        {
            _settings = settings is null ? null : new Lazy<ComputeSettings>(settings),
        };
    }

    /// <summary>
    /// Makes voice activity detection ready, downloading its weights where they are not here yet; transcribing does so by itself when an
    /// option asks for it.
    /// </summary>
    /// <exception cref="CheckpointException">The weights cannot be had.</exception>
    public async Task LoadSpeechDetectorAsync(IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        if (_detectorFileOpened is not null) return;
        var opened = SafetensorsFile.Open(
            _detectorFile ?? await VadWeights.GetAsync(_hub, progress, cancellationToken).ConfigureAwait(false));
        if (Interlocked.CompareExchange(ref _detectorFileOpened, opened, null) is not null) opened.Dispose();
    }

    /// <summary>
    /// Transcribes a recording in a file (<c>-</c> is standard input); segments come in order, as soon as they are known.
    /// </summary>
    /// <exception cref="AudioFormatException">The file is no recording, or a damaged one that <see cref="TranscriptionOptions.Audio"/> asks
    /// to refuse.</exception>
    /// <exception cref="ArgumentException">An option is out of its range, or two exclude each other.</exception>
    /// <exception cref="ModelException">The model cannot do the task, or does not know the language.</exception>
    public IAsyncEnumerable<Segment> TranscribeAsync(
        string path, TranscriptionOptions? options = null, IProgress<TranscriptionProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (options is not { EachChannel: true })
            return TranscribeAndCloseAsync(() => SampleStream.Open(path, AudioOf(options)), options, progress, cancellationToken);
        if (path == "-") return TranscribeAsync(Console.OpenStandardInput(), "standard input", options, progress, cancellationToken);
        return TranscribeEachAsync(
            () => ChannelRecording.Open(audio => AudioReader.Open(path, audio), options.Audio), options, progress, cancellationToken);
    }

    /// <summary>
    /// Transcribes a recording read from a stream, which is not closed; <paramref name="name"/> is what messages call it.
    /// </summary>
    /// <inheritdoc cref="TranscribeAsync(string, TranscriptionOptions, IProgress{TranscriptionProgress}, CancellationToken)"/>
    public IAsyncEnumerable<Segment> TranscribeAsync(
        Stream stream, string name, TranscriptionOptions? options = null, IProgress<TranscriptionProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (options is not { EachChannel: true })
        {
            return TranscribeAndCloseAsync(
                () => SampleStream.Open(new UnownedStream(stream), name, AudioOf(options)), options, progress, cancellationToken);
        }
        return TranscribeEachAsync(() => SpooledRecording.OpenChannels(stream, name, options.Audio), options, progress, cancellationToken);
    }

    /// <summary>Transcribes samples of one channel at 16 kHz.</summary>
    /// <inheritdoc cref="TranscribeAsync(string, TranscriptionOptions, IProgress{TranscriptionProgress}, CancellationToken)"/>
    public async IAsyncEnumerable<Segment> TranscribeAsync(
        ISampleSource source,
        TranscriptionOptions? options = null,
        IProgress<TranscriptionProgress>? progress = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        options ??= new TranscriptionOptions();
        if (options.Vad is not null || options.BatchSize > 1) await LoadSpeechDetectorAsync(null, cancellationToken).ConfigureAwait(false);
        await foreach (var segment in _transcriber.TranscribeAsync(source, options, progress, cancellationToken).ConfigureAwait(false))
            yield return segment;
    }

    /// <summary>Tells the language of a recording from its first 30 s.</summary>
    /// <exception cref="ModelException">The model is English-only.</exception>
    public Task<LanguageDetection> DetectLanguageAsync(string path, CancellationToken cancellationToken = default) =>
        DetectLanguageAsync(path, new AudioReadOptions(), cancellationToken);

    /// <inheritdoc cref="DetectLanguageAsync(string, CancellationToken)"/>
    /// <param name="audio">How the recording is read.</param>
    public async Task<LanguageDetection> DetectLanguageAsync(
        string path, AudioReadOptions audio, CancellationToken cancellationToken = default)
    {
        using var stream = SampleStream.Open(path, audio);
        return await Task.Run(() => DetectLanguageAsync(new RecordedSamples(stream), cancellationToken).AsTask(), cancellationToken)
            .ConfigureAwait(false);
    }

    public void Dispose()
    {
        foreach (var item in _owned) item.Dispose();
        _owned.Clear();
        _detectorWeights?.Dispose();
        _detectorFileOpened?.Dispose();
        if (_detectorDevice.IsValueCreated) _detectorDevice.Value.Dispose();
    }

    static Transcriber Load(string model, (string Main, string? Draft) folders, TranscriberOptions options, HubOptions hub)
    {
        var owned = new List<IDisposable>();
        try
        {
            if (options.Weights is null) KernelWarmUp.Start(folders.Main, options.ForCpu(null));
            var (spoken, runtime, settings) = LoadRuntime(folders.Main, options, owned);
            var draft = folders.Draft is { } folder ? LoadRuntime(folder, options, owned).Runtime : null;
            var recognizer = Recognizers.For(spoken, runtime, draft);
            owned.Insert(0, recognizer);
            return new Transcriber(model, recognizer, hub, options.SpeechDetectorFile, owned) { _settings = settings };
        }
        catch
        {
            foreach (var item in owned) item.Dispose();
            throw;
        }
    }

    // What is owned is disposed of in the list's order: what computes before the device and the files that it uses.
    static (SpeechModel Model, ModelRuntime Runtime, Lazy<ComputeSettings> Settings) LoadRuntime(
        string path, TranscriberOptions options, List<IDisposable> owned)
    {
        var folder = new ModelFolder(path);
        var model = ModelFamilies.Open(folder);
        var weights = folder.OpenWeights();
        owned.Insert(0, weights);
        var device = new CpuDevice(options.ForCpu(weights));
        owned.Insert(0, device);
        var runtime = new CpuModelRuntime(model.Parts, model.Prepare(weights), device, options.Limits);
        owned.Insert(0, runtime);
        return (model, runtime, new Lazy<ComputeSettings>(() => options.SettingsFor(weights)));
    }

    async ValueTask<LanguageDetection> DetectLanguageAsync(RecordedSamples source, CancellationToken cancellationToken)
    {
        var samples = new float[Recognizer.WindowSamples];
        int count = source.Read(samples);
        if (count == 0) throw new AudioFormatException("The recording is empty; there is no language to detect.");
        using var session = Recognizer.Begin(new RecognitionOptions());
        var window = new AudioWindow { Samples = samples, After = new float[Recognizer.SamplesAfter], StandsAlone = true };
        return await session.DetectLanguageAsync(window, cancellationToken).ConfigureAwait(false);
    }

    static AudioReadOptions AudioOf(TranscriptionOptions? options) => options?.Audio ?? new AudioReadOptions();

    async IAsyncEnumerable<Segment> TranscribeAndCloseAsync(
        Func<SampleStream> open,
        TranscriptionOptions? options,
        IProgress<TranscriptionProgress>? progress,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stream = open();
        await foreach (var segment in TranscribeAsync(new RecordedSamples(stream), options, progress, cancellationToken)
            .ConfigureAwait(false))
        {
            yield return segment;
        }
    }

    async IAsyncEnumerable<Segment> TranscribeEachAsync(
        Func<ChannelRecording> open,
        TranscriptionOptions options,
        IProgress<TranscriptionProgress>? progress,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        options.Validate();
        using var recording = await Task.Run(open, cancellationToken).ConfigureAwait(false);
        var shared = new ChannelProgress(recording.Channels.Count, progress);
        var channels = recording.Channels.Select((channel, i) =>
            ChannelAsync(recording.Streams[i], channel, options with { EachChannel = false }, shared.Of(i), cancellationToken)).ToList();
        await foreach (var segment in ChannelMerge.InTime(channels, cancellationToken).ConfigureAwait(false)) yield return segment;
    }

    async IAsyncEnumerable<Segment> ChannelAsync(
        SampleStream stream, int channel, TranscriptionOptions options, IProgress<TranscriptionProgress> progress,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var segment in TranscribeAsync(new RecordedSamples(stream), options, progress, cancellationToken)
            .ConfigureAwait(false))
        {
            yield return segment with { Channel = channel };
        }
    }

    /// <summary>A detector for one more recording or stream; its weights are shared.</summary>
    internal SileroSpeechDetector CreateSpeechDetector()
    {
        var file = _detectorFileOpened
            ?? throw new InvalidOperationException($"Call {nameof(LoadSpeechDetectorAsync)} before asking for speech detection.");
        // One set of packed weights, whatever the number of recordings.
        var weights = LazyInitializer.EnsureInitialized(
            ref _detectorWeights, ref _detectorLock, () => new SileroWeights(file, _detectorDevice.Value));
        return new SileroSpeechDetector(new SileroVad(weights!));
    }
}
