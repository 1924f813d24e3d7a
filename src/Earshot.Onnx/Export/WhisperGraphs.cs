using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Models;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Export;

/// <summary>
/// Records Whisper's graphs. Inputs and outputs are named as Hugging Face Optimum names them. One decoder graph serves prompts and
/// single steps: the past may be empty. Cross-attention's keys and values come from the encoder's graph, one set a window,
/// however many hypotheses attend to it.
/// </summary>
public sealed class WhisperGraphs
{
    /// <summary>The encoder's input: log-mel features (batch, mels, frames).</summary>
    public const string InputFeatures = "input_features";

    /// <summary>The encoder's output, (batch, positions, size).</summary>
    public const string LastHiddenState = "last_hidden_state";

    /// <summary>The decoder's input: tokens (batch, sequence).</summary>
    public const string InputIds = "input_ids";

    /// <summary>Where the decoder's logits begin in the sequence, one int64: 0 for all, −1 for the last only. Not in portable graphs.</summary>
    public const string FirstLogit = "first_logit";

    /// <summary>The decoder's output, (batch, sequence or less, vocabulary).</summary>
    public const string Logits = "logits";

    /// <summary>The aligning decoder's further output: cross-attention of the alignment heads, (batch, sequence, heads, positions).</summary>
    public const string AlignmentAttentions = "alignment_attentions";

    readonly Scope _root;
    readonly Scope _model;
    readonly WhisperConfig _config;
    readonly GraphOptions _options;
    readonly OnnxWeights _weights;

    public WhisperGraphs(ITensorStore tensors, WhisperConfig config, GraphOptions? options = null, OnnxWeights? weights = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        _config = config;
        _options = options ?? new GraphOptions();
        _weights = weights ?? new OnnxWeights();
        _root = new Scope(tensors);
        _model = WhisperModel.ModelScope(_root);
    }

    /// <summary>Features to the encoder's output and each decoder layer's cross-attention keys and values.</summary>
    /// <exception cref="CheckpointException">The weights do not fit the configuration.</exception>
    public OnnxModel Encoder()
    {
        var backend = new OnnxBackend("whisper_encoder", _options, _weights);
        int positions = _config.MaxSourcePositions, mels = _config.NumMelBins;
        var features = backend.InputBySize(InputFeatures, new Shape(1, mels, 2 * positions), "batch", mels, "frames");
        var encoded = WhisperModel.Encode(features, _model / "encoder", _config);
        WhisperModel.Remember(encoded, Memories(backend), 0, _model / "decoder", _config);
        backend.Output(LastHiddenState, encoded, "batch", "positions", _config.DModel);
        return backend.Build();
    }

    /// <summary>Tokens and the past to logits and the new past; with <paramref name="alignmentHeads"/> also to those heads' attention.</summary>
    /// <exception cref="CheckpointException">The weights do not fit the configuration.</exception>
    public OnnxModel Decoder(IReadOnlyList<AlignmentHead>? alignmentHeads = null)
    {
        var backend = new OnnxBackend(alignmentHeads is null ? "whisper_decoder" : "whisper_aligning_decoder", _options, _weights);
        var tokens = backend.Indices(InputIds, new Shape(1, 2), "batch", "sequence");
        var first = _options.Target == GraphTarget.OnnxRuntime ? backend.Indices(FirstLogit, new Shape(1), 1) : null;
        var caches = Caches(backend);
        var probe = alignmentHeads is null ? null : new AlignmentProbe(alignmentHeads);
        using var state = new WhisperDecoderState { Past = caches, Audio = Memories(backend), Probe = probe };
        caches[0].Begin(backend, new Heads(_config.DecoderAttentionHeads), _config.DModel);
        var hidden = WhisperModel.Decode(tokens, backend.PositionsAfter(caches[0], tokens), state, _model / "decoder", _config);
        if (first is not null) hidden = backend.From(hidden, first);
        var logits = WhisperModel.Logits(hidden, _root, _model / "decoder", _config);
        backend.Output(Logits, logits, "batch", first is null ? "sequence" : "logit_positions", _config.VocabSize);
        if (probe is not null) backend.Output(AlignmentAttentions, Aligned(backend, probe), "batch", "sequence", probe.Heads.Count, "positions");
        return backend.Build();
    }

    /// <summary>
    /// The encoder's <c>fc2</c> matrices: their inputs have a few large values, for which int8 with one scale a tensor is coarse. Keeping
    /// them in float32 halves the error (of tiny.en's encoder output from 7.3 % to 3.6 %) and gives back a quarter of the time that int8 saves.
    /// </summary>
    public static bool IsCoarseInInt8(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.Contains("encoder.layers.", StringComparison.Ordinal) && name.EndsWith(".fc2.weight", StringComparison.Ordinal);
    }

    internal static string PastKey(int layer, string of) => $"past_key_values.{layer}.{of}.key";

    internal static string PastValue(int layer, string of) => $"past_key_values.{layer}.{of}.value";

    internal static string PresentKey(int layer, string of) => $"present.{layer}.{of}.key";

    internal static string PresentValue(int layer, string of) => $"present.{layer}.{of}.value";

    static StateNames Names(int layer, string of) => new(PastKey(layer, of), PastValue(layer, of), PresentKey(layer, of), PresentValue(layer, of));

    // From heads by layer to the configuration's order.
    static Tensor Aligned(OnnxBackend backend, AlignmentProbe probe)
    {
        var layers = probe.Heads.Select(head => head.Layer).Distinct().Order().ToArray();
        var made = layers.SelectMany(layer => probe.HeadsOf(layer).Select(head => new AlignmentHead(layer, head))).ToList();
        return backend.SelectHeads([.. layers.Select(layer => probe.Of(layer)!)], [.. probe.Heads.Select(head => (long)made.IndexOf(head))]);
    }

    List<OnnxKeyValueCache> Caches(OnnxBackend backend) =>
        [.. Enumerable.Range(0, _config.DecoderLayers).Select(layer => backend.CreateCache(Names(layer, "decoder")))];

    List<OnnxAttentionMemory> Memories(OnnxBackend backend)
    {
        var heads = new Heads(_config.DecoderAttentionHeads);
        return [.. Enumerable.Range(0, _config.DecoderLayers).Select(layer => backend.CreateMemory(Names(layer, "encoder"), _config.MaxSourcePositions, _config.DModel, heads))];
    }
}
