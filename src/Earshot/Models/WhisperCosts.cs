using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;

namespace Earshot.Models;

/// <summary>What each stage of a Whisper model takes, found by running the model's functions over shapes alone.</summary>
public sealed class WhisperCosts
{
    readonly MeasuringBackend _backend;
    readonly WhisperConfig _config;
    readonly Scope _root;
    readonly Scope _model;
    Tensor? _encoded;

    /// <param name="tensors">The checkpoint; its shapes are read, never its values.</param>
    /// <param name="config">The sizes.</param>
    /// <param name="weightBytesOf">Bytes that a matrix weight takes in memory; null for those in the checkpoint.</param>
    /// <param name="keyValues">How the attention's keys and values are held.</param>
    public WhisperCosts(ITensorStore tensors, WhisperConfig config, Func<Parameter, long>? weightBytesOf = null, KeyValueFormat keyValues = KeyValueFormat.F32)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        ArgumentNullException.ThrowIfNull(config);
        _backend = new MeasuringBackend { WeightBytesOf = weightBytesOf, KeyValueBytes = keyValues == KeyValueFormat.F32 ? 4 : 2, MemoryBytes = keyValues switch { KeyValueFormat.F32 => 4, KeyValueFormat.BF16 => 2, _ => 1 } };
        _config = config;
        _root = new Scope(tensors);
        _model = WhisperModel.ModelScope(_root);
    }

    /// <summary>The operations of the stage measured last.</summary>
    public IReadOnlyList<Measurement> Operations => _backend.Measurements;

    /// <summary>The parameters that the stages measured so far use.</summary>
    public IEnumerable<Parameter> Parameters => _root.Parameters;

    /// <summary>Encoding a window of so many frames.</summary>
    public Cost Encoder(int frames)
    {
        _backend.Clear();
        _encoded = WhisperModel.Encode(_backend.Input(new Shape(1, frames, _config.NumMelBins)), _model / "encoder", _config);
        return _backend.Total;
    }

    /// <summary>The cross-attention's keys and values of the window measured last, computed once a window.</summary>
    public Cost CrossAttentionKeys()
    {
        var encoded = Encoded();
        _backend.Clear();
        using var state = CreateState(1);
        WhisperModel.Remember(encoded, state.Audio, 0, _model / "decoder", _config);
        return _backend.Total;
    }

    /// <summary>One decoding step: each of <paramref name="rows"/> sequences gains <paramref name="tokens"/> tokens after <paramref name="past"/>; sequences share a window where <paramref name="windows"/> is 1.</summary>
    public Cost Step(int rows, int past, int tokens = 1, int windows = 1)
    {
        var encoded = Encoded();
        _backend.Clear();
        using var state = CreateState(rows);
        WhisperModel.Remember(encoded, state.Audio, 0, _model / "decoder", _config);
        _backend.Clear();
        for (int row = 0; row < rows; row++)
        {
            for (int t = 0; t < tokens; t++) state.Layout.Add(row, past + t, row % windows);
        }
        var indices = _backend.Input(new Shape(rows * tokens), DType.I32);
        var hidden = WhisperModel.Decode(indices, indices, state, _model / "decoder", _config);
        if (tokens > 1) hidden = hidden.SelectRows(_backend.Input(new Shape(rows), DType.I32));
        WhisperModel.Logits(hidden, _root, _model / "decoder", _config);
        return _backend.Total;
    }

    Tensor Encoded()
    {
        if (_encoded is null) Encoder(2 * _config.MaxSourcePositions);
        return _encoded!;
    }

    WhisperDecoderState CreateState(int rows) => new()
    {
        Past = [.. Enumerable.Range(0, _config.DecoderLayers).Select(_ => _backend.CreateCache(rows, _config.MaxTargetPositions, _config.DModel, new Heads(_config.DecoderAttentionHeads)))],
        Audio = [.. Enumerable.Range(0, _config.DecoderLayers).Select(_ => _backend.CreateMemory(1, _config.MaxSourcePositions, _config.DModel, new Heads(_config.DecoderAttentionHeads)))],
    };
}
