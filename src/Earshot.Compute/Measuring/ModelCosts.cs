using System.Globalization;
using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;

namespace Earshot.Compute.Measuring;

/// <summary>What one stage of a model takes: its name, how much of it, the sum and the operations.</summary>
public sealed record StageCost(string Name, string What, Cost Cost, IReadOnlyList<Measurement> Operations);

/// <summary>
/// What each stage of a model takes, found by running its parts over shapes alone: the stages are those of the parts that are there.
/// </summary>
public sealed class ModelCosts
{
    // Seconds of a window where an encoder takes longer ones.
    const double UsualSeconds = 30;

    readonly MeasuringBackend _backend;
    readonly ModelParts _parts;
    readonly Scope _root;
    Tensor? _encoded;

    /// <param name="parts">What the model is made of.</param>
    /// <param name="tensors">The weights as the parts read them; their shapes are asked for, never their values.</param>
    /// <param name="weightBytesOf">Bytes that a matrix weight takes in memory; null for those in the checkpoint.</param>
    /// <param name="keyValues">How the attention's keys and values are held.</param>
    public ModelCosts(
        ModelParts parts, ITensorStore tensors, Func<Parameter, long>? weightBytesOf = null, KeyValueFormat keyValues = KeyValueFormat.F32)
    {
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentNullException.ThrowIfNull(tensors);
        _backend = new MeasuringBackend
        {
            WeightBytesOf = weightBytesOf,
            KeyValueBytes = keyValues == KeyValueFormat.F32 ? 4 : 2,
            MemoryBytes = keyValues switch { KeyValueFormat.F32 => 4, KeyValueFormat.BF16 => 2, _ => 1 },
        };
        _parts = parts;
        _root = new Scope(tensors);
    }

    /// <summary>The operations of the stage measured last.</summary>
    public IReadOnlyList<Measurement> Operations => _backend.Measurements;

    /// <summary>The parameters that the stages measured so far use.</summary>
    public IEnumerable<Parameter> Parameters => _root.Parameters;

    /// <summary>
    /// Frames of a usual window: all that the encoder takes at once, but no more than those of 30 s; 0 without an encoder.
    /// </summary>
    public int WindowFrames => WindowFramesOf(_parts);

    /// <inheritdoc cref="WindowFrames"/>
    public static int WindowFramesOf(ModelParts parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        if (parts.Encoder is not { Shape: var shape } encoder) return 0;
        double seconds = encoder.PositionsOf(shape.MostFrames) * shape.SecondsPerPosition;
        int frames = seconds <= UsualSeconds ? shape.MostFrames : (int)Math.Round(shape.MostFrames / seconds * UsualSeconds);
        return Math.Max(shape.LeastFrames, frames - frames % shape.FrameMultiple);
    }

    /// <summary>All stages of the parts that are there, one after the other, so that every parameter has been asked for.</summary>
    /// <param name="rows">Sequences that a decoder's step serves.</param>
    /// <param name="past">Tokens that a decoder's step has behind it.</param>
    public IReadOnlyList<StageCost> Stages(int rows = 1, int past = 0)
    {
        var stages = new List<StageCost>();
        if (_parts.Encoder is { } encoder)
        {
            double seconds = encoder.PositionsOf(WindowFrames) * encoder.Shape.SecondsPerPosition;
            Add("encoder", string.Create(CultureInfo.InvariantCulture, $"a window of {seconds:0.##} s"), Encoder(WindowFrames));
        }
        if (_parts.Transducer is not null) Add("transducer", "a token and a position", Transducer());
        else if (_parts.Ctc is not null) Add("CTC head", "a window", Finish());
        else if (_parts.Classifier is not null) Add("classifier", "a window", Finish());
        else if (_parts.Projector is not null) Add("projector", "a window", Finish());
        if (_parts.HasMemory) Add("cross-attention", "a window", Memory());
        if (_parts.Decoder is not null) Add("decoder", $"{(rows == 1 ? "a token" : $"{rows} tokens")} after {past}", Step(rows, past));
        if (_parts.SpeakerEncoder is { } speakers)
            Add("speaker encoder", $"{SpeechFrames(speakers)} frames", SpeakerEncoder(SpeechFrames(speakers)));
        if (_parts.Segmentation is { } segmentation)
            Add("segmentation", $"a window of {segmentation.WindowSamples} samples", Segmentation());
        if (_parts.Voice is { Shape: var voice })
        {
            double seconds = (double)SoundFrames(voice) * voice.SamplesPerFrame / voice.SampleRate;
            Add("voice", string.Create(CultureInfo.InvariantCulture, $"{seconds:0.##} s of sound"), Voice(SoundFrames(voice)));
        }
        return stages;

        void Add(string name, string what, Cost cost) => stages.Add(new StageCost(name, what, cost, [.. Operations]));
    }

    /// <summary>
    /// The parameters that are matrices of products or tables of tokens, which quantising makes smaller. Positions are added, not
    /// multiplied; convolutions are small.
    /// </summary>
    public IReadOnlyList<Parameter> Matrices()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var stage in Stages()) names.UnionWith(NamesOf(stage.Operations, nameof(Backend.Linear)));
        if (_parts.Decoder is { } decoder)
        {
            _backend.Clear();
            decoder.Embed(_backend.Input(new Shape(1), DType.I32), _root);
            names.UnionWith(NamesOf(Operations, nameof(Backend.Embed)));
        }
        return [.. Parameters.Where(parameter => parameter.Shape.Rank == 2 && names.Contains(parameter.Name))];

        static IEnumerable<string> NamesOf(IEnumerable<Measurement> measurements, string operation) =>
            measurements.Where(measurement => measurement.Operation == operation).Select(measurement => measurement.Scope);
    }

    /// <summary>Encoding a window of so many frames.</summary>
    public Cost Encoder(int frames)
    {
        var encoder = _parts.Encoder ?? throw new ModelException("This model has no encoder.");
        _backend.Clear();
        _encoded = encoder.Encode(_backend.Input(new Shape(1, frames, encoder.Shape.InputSize)), _root);
        return _backend.Total;
    }

    /// <summary>
    /// What finishes the window encoded last: a CTC head, a classifier or a projector; nothing where the encoder's output is what is
    /// wanted.
    /// </summary>
    public Cost Finish()
    {
        var encoded = Encoded();
        _backend.Clear();
        _parts.Finish(encoded, _root);
        return _backend.Total;
    }

    /// <summary>
    /// The cross-attention's keys and values of the window encoded last, computed once per window; nothing where there are none.
    /// </summary>
    public Cost Memory()
    {
        if (!_parts.HasMemory) return default;
        using var state = CreateState(1);
        Store(state);
        return _backend.Total;
    }

    /// <summary>
    /// One decoding step: each of <paramref name="rows"/> sequences gains <paramref name="tokens"/> tokens after <paramref name="past"/>;
    /// sequences share a window where <paramref name="windows"/> is 1.
    /// </summary>
    public Cost Step(int rows, int past, int tokens = 1, int windows = 1)
    {
        using var state = CreateState(rows);
        if (_parts.HasMemory) Store(state);
        _backend.Clear();
        var decoder = _parts.Decoder!;
        for (int row = 0; row < rows; row++)
        {
            if (tokens > 1 && decoder.Shape.PrefillsInChunks) state.Layout.AddPrompt(row, past, tokens, row % windows);
            else for (int t = 0; t < tokens; t++) state.Layout.Add(row, past + t, row % windows);
        }
        var indices = _backend.Input(new Shape(rows * tokens), DType.I32);
        var hidden = decoder.Decode(decoder.Embed(indices, _root), indices, state, _root);
        if (tokens > 1) hidden = hidden.SelectRows(_backend.Input(new Shape(rows), DType.I32));
        decoder.Logits(hidden, _root);
        return _backend.Total;
    }

    /// <summary>
    /// One step of each of some hypotheses: the predictor reads a token, and the joiner meets it with a position of sound.
    /// </summary>
    public Cost Transducer(int rows = 1)
    {
        var transducer = _parts.Transducer ?? throw new ModelException("This model has no transducer.");
        _backend.Clear();
        var encoded = transducer.ProjectEncoded(_backend.Input(new Shape(rows, transducer.Shape.EncodedWidth)), _root);
        var predicted = transducer.Predict(
            _backend.Input(new Shape(rows), DType.I32), transducer.Shape.CreateStates(_backend, rows), _root);
        transducer.Join(encoded, predicted, _root);
        return _backend.Total;
    }

    /// <summary>The embedding of a stretch of speech of so many frames.</summary>
    public Cost SpeakerEncoder(int frames)
    {
        var encoder = _parts.SpeakerEncoder ?? throw new ModelException("This model has no speaker encoder.");
        _backend.Clear();
        encoder.Embed(_backend.Input(new Shape(1, frames, encoder.InputSize)), _root);
        return _backend.Total;
    }

    /// <summary>The segmentation of a window.</summary>
    public Cost Segmentation()
    {
        var segmentation = _parts.Segmentation ?? throw new ModelException("This model has no segmentation.");
        _backend.Clear();
        segmentation.Segment(_backend.Input(new Shape(1, segmentation.WindowSamples, 1)), _root);
        return _backend.Total;
    }

    /// <summary>The sound of so many frames.</summary>
    public Cost Voice(int frames)
    {
        var voice = _parts.Voice ?? throw new ModelException("This model has no voice.");
        _backend.Clear();
        voice.Speak(_backend.Input(new Shape(1, frames, voice.Shape.InputSize)), _root);
        return _backend.Total;
    }

    /// <summary>Frames of a second of sound, or of as much as a voice makes at once.</summary>
    public static int SoundFrames(VoiceShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        int second = (shape.SampleRate + shape.SamplesPerFrame - 1) / shape.SamplesPerFrame;
        return Math.Min(Math.Max(second, shape.LeastFrames), shape.MostFrames);
    }

    // Three seconds, from which on an embedding means much.
    static int SpeechFrames(ISpeakerEncoder encoder) => Math.Max(300, encoder.LeastFrames);

    void Store(DecoderState state)
    {
        var encoded = Encoded();
        _backend.Clear();
        _parts.Decoder!.StoreMemory(encoded, state.Memory, 0, _root);
    }

    Tensor Encoded()
    {
        if (_encoded is null) Encoder(WindowFrames);
        return _encoded!;
    }

    DecoderState CreateState(int rows)
    {
        var shape = (_parts.Decoder ?? throw new ModelException("This model has no decoder.")).Shape;
        var pages = new PageTable(rows * PageTable.PagesFor(shape.MostPositions));
        return new DecoderState
        {
            Past = [.. Enumerable.Range(0, shape.Layers).Select(_ => _backend.CreateCache(pages, shape.KeyWidth, shape.Heads))],
            Memory = shape.MemoryPositions == 0
                ? []
                : [.. Enumerable.Range(0, shape.Layers)
                    .Select(_ => _backend.CreateMemory(1, shape.MemoryPositions, shape.Width, shape.Heads))],
        };
    }
}
