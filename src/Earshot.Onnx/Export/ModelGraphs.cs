using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Export;

/// <summary>
/// Records the graphs of a model, one for each kind of part. One decoder graph serves prompts and single steps: the past may be empty, and
/// grows by concatenation. Cross-attention's keys and values come from the encoder's graph, one set a window, however many hypotheses
/// attend to it. A decoder without such a memory takes embeddings, so that audio can stand among its tokens; a small graph makes them.
/// </summary>
public sealed class ModelGraphs
{
    // Frames of the example that an encoder is recorded with; any number may be run.
    const int MostExampleFrames = 16_000;

    readonly string _name;
    readonly ModelParts _parts;
    readonly GraphOptions _options;
    readonly OnnxWeights _weights;
    readonly Scope _root;

    /// <param name="name">What the graphs' names begin with: the model's kind.</param>
    /// <param name="weights">Shared with the graphs of other models whose file of weights is the same; null for its own.</param>
    public ModelGraphs(string name, ModelParts parts, ITensorStore tensors, GraphOptions? options = null, OnnxWeights? weights = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentNullException.ThrowIfNull(tensors);
        (_name, _parts) = (name, parts);
        _options = options ?? new GraphOptions();
        _weights = weights ?? new OnnxWeights();
        _root = new Scope(tensors);
    }

    /// <summary>
    /// Sound to the encoder's output, to what finishes it (a head's logits, a projector's embeddings) where there is such a part, and to
    /// each decoder layer's cross-attention keys and values where the decoder attends to the audio.
    /// </summary>
    /// <exception cref="ModelException">The model has no encoder.</exception>
    /// <exception cref="CheckpointException">The weights do not fit the parts.</exception>
    public OnnxModel Encoder()
    {
        var encoder = _parts.Encoder ?? throw Missing("encoder");
        var backend = Begin("encoder");
        var shape = encoder.Shape;
        int frames = Math.Min(shape.MostFrames, Math.Max(shape.LeastFrames, MostExampleFrames)) / shape.FrameMultiple * shape.FrameMultiple;
        var encoded = encoder.Encode(Sound(backend, shape.InputSize, frames, open: true), _root);
        if (_parts.HasMemory) _parts.Decoder!.StoreMemory(encoded, Memories(backend), 0, _root);
        backend.Output(GraphNames.LastHiddenState, encoded, "batch", "positions", shape.Width);
        var finished = GraphNames.Finished(_parts);
        if (finished != GraphNames.LastHiddenState)
            backend.Output(
                finished, _parts.Finish(encoded, _root),
                "batch", FinishedPositions(), _parts.FinishedWidth);
        return backend.Build();
    }

    /// <summary>
    /// The next chunk of a stream, of the length that the encoder says, and what the stream carries to the chunk's positions, finished as
    /// <see cref="Encoder"/>'s are, and what it carries then: as <c>past…</c> and <c>present…</c>, zeros, or no positions, at first. The
    /// rows of a batch are streams.
    /// </summary>
    /// <exception cref="ModelException">The model has no encoder that hears streams, or one whose chunks give other positions than it
    /// says.</exception>
    /// <exception cref="CheckpointException">The weights do not fit the parts.</exception>
    public OnnxModel StreamingEncoder()
    {
        var encoder = _parts.Encoder as IStreamingEncoder ?? throw Missing("streaming encoder");
        var backend = Begin("streaming_encoder");
        using var state = encoder.CreateState(backend, streams: 1);
        state.Streams.Add(0);
        var encoded = encoder.EncodeChunk(Sound(backend, encoder.Shape.InputSize, encoder.Stream.ChunkFrames, open: false), state, _root);
        int positions = encoder.Stream.ChunkPositions;
        if (encoded.Shape[1] != positions)
            throw new ModelException(
                $"The streaming encoder of '{_name}' gave {encoded.Shape[1]} positions of a chunk; "
                + $"expected {positions}, as its {nameof(StreamShape)} says.");
        backend.Output(
            GraphNames.Finished(_parts), _parts.Finish(encoded, _root), "batch", _parts.FinishedFrom(positions), _parts.FinishedWidth);
        return backend.Build();
    }

    /// <summary>Tokens to the embeddings that <see cref="Decoder"/> takes, of a decoder without a memory.</summary>
    /// <exception cref="ModelException">The model has no decoder.</exception>
    public OnnxModel Embedding()
    {
        var decoder = _parts.Decoder ?? throw Missing("decoder");
        var backend = Begin("embedding");
        var embedded = decoder.Embed(backend.Indices(GraphNames.InputIds, new Shape(1, 2), "batch", "sequence"), _root);
        backend.Output(GraphNames.InputsEmbeds, embedded, "batch", "sequence", decoder.Shape.Width);
        return backend.Build();
    }

    /// <summary>
    /// Tokens, or embeddings where the decoder has no memory, and the past to logits and the new past; with
    /// <paramref name="alignmentHeads"/> also to those heads' attention.
    /// </summary>
    /// <exception cref="ModelException">The model has no decoder.</exception>
    /// <exception cref="CheckpointException">The weights do not fit the parts.</exception>
    public OnnxModel Decoder(IReadOnlyList<AlignmentHead>? alignmentHeads = null)
    {
        var decoder = _parts.Decoder ?? throw Missing("decoder");
        var shape = decoder.Shape;
        var backend = Begin(alignmentHeads is null ? "decoder" : "aligning_decoder");
        var given = shape.MemoryPositions > 0
            ? backend.Indices(GraphNames.InputIds, new Shape(1, 2), "batch", "sequence")
            : backend.Input(GraphNames.InputsEmbeds, new Shape(1, 2, shape.Width), "batch", "sequence", shape.Width);
        var first = _options.Target == GraphTarget.OnnxRuntime ? backend.Indices(GraphNames.FirstLogit, new Shape(1), 1) : null;
        var caches = Caches(backend);
        using var state = new DecoderState { Past = caches, Memory = shape.MemoryPositions > 0 ? Memories(backend) : [] };
        var probe = alignmentHeads is null ? null : new AlignmentProbe(alignmentHeads);
        if (probe is not null) state.Probes.Add(probe);
        caches[0].Begin(backend, shape.Heads, shape.KeyWidth);
        var positions = backend.PositionsAfter(caches[0], given);
        var hidden = decoder.Decode(shape.MemoryPositions > 0 ? decoder.Embed(given, _root) : given, positions, state, _root);
        if (first is not null) hidden = backend.From(hidden, first);
        backend.Output(
            GraphNames.Logits, decoder.Logits(hidden, _root), "batch", first is null ? "sequence" : "logit_positions", shape.VocabSize);
        if (probe is not null)
            backend.Output(GraphNames.AlignmentAttentions, Aligned(backend, probe), "batch", "sequence", probe.Heads.Count, "positions");
        return backend.Build();
    }

    /// <summary>Tokens, one for each row, and a transducer's states before them to what its joiner takes, and the states after.</summary>
    /// <exception cref="ModelException">The model has no transducer.</exception>
    public OnnxModel Predictor()
    {
        var transducer = _parts.Transducer ?? throw Missing("transducer");
        var backend = Begin("predictor");
        var tokens = backend.Indices(GraphNames.InputIds, new Shape(1), "batch");
        var states = PredictorStates(backend, transducer.Shape);
        backend.Output(GraphNames.Predicted, transducer.Predict(tokens, states, _root), "batch", transducer.Shape.Width);
        return backend.Build();
    }

    /// <summary>
    /// A position of the encoder's output for each row, and what the predictor gave for each, or one for all, to logits of tokens and of
    /// durations.
    /// </summary>
    /// <exception cref="ModelException">The model has no transducer.</exception>
    public OnnxModel Joiner()
    {
        var transducer = _parts.Transducer ?? throw Missing("transducer");
        var shape = transducer.Shape;
        var backend = Begin("joiner");
        var encoded = backend.Input(GraphNames.Encoded, new Shape(1, shape.EncodedWidth), "batch", shape.EncodedWidth);
        var predicted = backend.Input(GraphNames.Predicted, new Shape(1, shape.Width), "texts", shape.Width);
        backend.Output(
            GraphNames.Logits, transducer.Join(transducer.ProjectEncoded(encoded, _root), predicted, _root), "batch", shape.Outputs);
        return backend.Build();
    }

    /// <summary>Features, or samples, of speech to a vector of the voice.</summary>
    /// <exception cref="ModelException">The model has no speaker encoder.</exception>
    public OnnxModel SpeakerEncoder()
    {
        var speaker = _parts.SpeakerEncoder ?? throw Missing("speaker encoder");
        var backend = Begin("speaker_encoder");
        var embedded = speaker.Embed(Sound(backend, speaker.InputSize, Math.Max(speaker.LeastFrames, 150), open: true), _root);
        backend.Output(GraphNames.Embedding, embedded, "batch", speaker.EmbeddingSize);
        return backend.Build();
    }

    /// <summary>Samples to log-probabilities of the classes of speakers.</summary>
    /// <exception cref="ModelException">The model has no segmentation.</exception>
    public OnnxModel Segmentation()
    {
        var segmentation = _parts.Segmentation ?? throw Missing("segmentation");
        var backend = Begin("segmentation");
        var classes = segmentation.Segment(Sound(backend, 1, segmentation.WindowSamples, open: true), _root);
        backend.Output(GraphNames.LogProbabilities, classes, "batch", "frames", segmentation.Classes);
        return backend.Build();
    }

    /// <summary>What the predictor's graph carries.</summary>
    internal static IReadOnlyList<CarriedTensor> PredictorStates(TransducerShape shape)
    {
        var backend = new OnnxBackend("states");
        _ = PredictorStates(backend, shape);
        return backend.Carried;
    }

    static RecurrentState[] PredictorStates(OnnxBackend backend, TransducerShape shape) =>
        [.. shape.StateSizes.Select((size, layer) => backend.CreateRecurrentState(StateNamesOf(layer), size))];

    /// <summary>Features, (batch, frames, inputs), to samples.</summary>
    /// <exception cref="ModelException">The model has no voice.</exception>
    public OnnxModel Voice()
    {
        var voice = _parts.Voice ?? throw Missing("voice");
        var shape = voice.Shape;
        var backend = Begin("voice");
        int frames = Math.Min(shape.MostFrames, Math.Max(shape.LeastFrames, 100));
        var features = backend.Input(GraphNames.Spectrogram, new Shape(1, frames, shape.InputSize), "batch", "frames", shape.InputSize);
        backend.Output(GraphNames.Waveform, voice.Speak(features, _root), "batch", "samples");
        return backend.Build();
    }

    OnnxDimension FinishedPositions()
    {
        if (_parts.Ctc is not null) return "positions";
        return _parts.Classifier is not null ? 1 : "embedding_positions";
    }

    OnnxBackend Begin(string graph) => new($"{_name}_{graph}", _options, _weights);

    static Tensor Sound(OnnxBackend backend, int inputs, int frames, bool open)
    {
        OnnxDimension Time(string symbol) => open ? symbol : frames;
        return inputs == 1
            ? backend.InputOfSamples(GraphNames.InputValues, new Shape(1, frames), "batch", Time("samples"))
            : backend.InputBySize(GraphNames.InputFeatures, new Shape(1, inputs, frames), "batch", inputs, Time("frames"));
    }

    ModelException Missing(string part) => new($"The model '{_name}' has no {part}, so there is no graph of one.");

    static StateNames Names(int layer, string of) =>
        new(GraphNames.PastKey(layer, of), GraphNames.PastValue(layer, of), GraphNames.PresentKey(layer, of), GraphNames.PresentValue(
            layer, of));

    static StateNames StateNamesOf(int layer) => new(
        GraphNames.PastState(layer, "hidden"), GraphNames.PastState(layer, "cell"), GraphNames.PresentState(layer, "hidden"),
        GraphNames.PresentState(layer, "cell"));

    // From heads by layer to the configuration's order.
    static Tensor Aligned(OnnxBackend backend, AlignmentProbe probe)
    {
        var layers = probe.Heads.Select(head => head.Layer).Distinct().Order().ToArray();
        var made = layers.SelectMany(layer => probe.HeadsOf(layer).Select(head => new AlignmentHead(layer, head))).ToList();
        return backend.SelectHeads(
            [.. layers.Select(layer => probe.Of(layer)!)], [.. probe.Heads.Select(head => (long)made.IndexOf(head))]);
    }

    List<OnnxKeyValueCache> Caches(OnnxBackend backend) =>
        [.. Enumerable.Range(0, _parts.Decoder!.Shape.Layers).Select(layer => backend.CreateCache(Names(layer, "decoder")))];

    List<OnnxCrossAttentionMemory> Memories(OnnxBackend backend)
    {
        var shape = _parts.Decoder!.Shape;
        return [.. Enumerable.Range(0, shape.Layers)
            .Select(layer => backend.CreateMemory(Names(layer, "encoder"), shape.MemoryPositions, shape.Width, shape.Heads))];
    }
}
