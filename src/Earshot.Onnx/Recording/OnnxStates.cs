using Earshot.Compute;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Recording;

/// <summary>A state of a graph: inputs with what was before, outputs with what is after.</summary>
interface IRecordedState
{
    /// <summary>What goes in and comes out again, for whoever runs the graph to carry on.</summary>
    IReadOnlyList<CarriedTensor> Carried { get; }

    /// <summary>Makes the graph return the new values, where the recorded calls made any.</summary>
    void Return(OnnxBackend backend);
}

/// <summary>
/// A tensor that a graph carries on: an input with the values before a run, an output with those after; zeros, or nothing where a size is
/// open, before the first.
/// </summary>
/// <param name="Sizes">The sizes of both, batch first; −1 stands for one that is open.</param>
internal sealed record CarriedTensor(string Past, string Present, IReadOnlyList<long> Sizes);

/// <summary>What a state's inputs and outputs are called.</summary>
internal sealed record StateNames(string PastFirst, string PastSecond, string PresentFirst, string PresentSecond);

/// <summary>
/// Keys and values of past positions: a pair of inputs (batch, heads, past, size of a head) and of outputs with the new positions after
/// them.
/// </summary>
internal sealed class OnnxKeyValueCache(StateNames names) : KeyValueCache, IRecordedState
{
    OnnxDimension[] _shape = [];

    public GraphValue? Key { get; private set; }

    public GraphValue? Value { get; private set; }

    public GraphValue? NewKey { get; set; }

    public GraphValue? NewValue { get; set; }

    public IReadOnlyList<CarriedTensor> Carried { get; } =
    [
        new(names.PastFirst, names.PresentFirst, [-1, -1, -1, -1]), new(names.PastSecond, names.PresentSecond, [-1, -1, -1, -1]),
    ];

    /// <summary>Adds the inputs, the first time.</summary>
    public void Begin(OnnxBackend backend, Heads heads, int width)
    {
        if (Key is not null) return;
        _shape = ["batch", heads.KeyValue, "past_length", width / heads.KeyValue];
        Key = backend.StateInput(names.PastFirst, _shape);
        Value = backend.StateInput(names.PastSecond, _shape);
    }

    public void Return(OnnxBackend backend)
    {
        if (NewKey is null) return;
        OnnxDimension[] shape = [.. _shape];
        shape[2] = "total_length";
        backend.Return(names.PresentFirst, NewKey, backend.Options.ComputeType, shape);
        backend.Return(names.PresentSecond, NewValue!, backend.Options.ComputeType, shape);
    }

    public override long Bytes => 0;

    public override void CopyPage(PageCopy copy) =>
        throw new ModelException("A cache that is being recorded has no pages to copy; whoever runs the graph reorders its past.");
}

/// <summary>
/// Keys and values of an encoder's output, (slots, heads, positions, size of a head): inputs of a graph that attends to them, outputs of
/// one that makes them.
/// </summary>
internal sealed class OnnxCrossAttentionMemory(StateNames names, int positions, int width, Heads heads)
    : CrossAttentionMemory, IRecordedState
{
    bool _isInput;

    public int Positions => positions;

    public Heads Heads => heads;

    public GraphValue? Key { get; set; }

    public GraphValue? Value { get; set; }

    public IReadOnlyList<CarriedTensor> Carried => [];

    OnnxDimension[] Dimensions => [_isInput ? "windows" : "batch", heads.KeyValue, "positions", width / heads.KeyValue];

    /// <summary>Adds the inputs, the first time, unless the same graph makes the keys and values.</summary>
    public void Begin(OnnxBackend backend)
    {
        if (Key is not null) return;
        _isInput = true;
        Key = backend.StateInput(names.PastFirst, Dimensions);
        Value = backend.StateInput(names.PastSecond, Dimensions);
    }

    public void Return(OnnxBackend backend)
    {
        if (_isInput || Key is null) return;
        backend.Return(names.PresentFirst, Key, backend.Options.ComputeType, Dimensions);
        backend.Return(names.PresentSecond, Value!, backend.Options.ComputeType, Dimensions);
    }
}

/// <summary>
/// The last frames of a sequence that goes on, (batch, frames, size): an input with those before, an output with those after.
/// </summary>
internal sealed class OnnxFrameTail(StateNames names, int frames, int size) : FrameTail, IRecordedState
{
    public int Frames => frames;

    /// <summary>Nothing where no frame is kept.</summary>
    public IReadOnlyList<CarriedTensor> Carried { get; } =
        frames == 0 ? [] : [new(names.PastFirst, names.PresentFirst, [-1, frames, size])];

    public GraphValue? Past { get; private set; }

    public GraphValue? Present { get; set; }

    public void Begin(OnnxBackend backend) => Past ??= backend.StateInput(names.PastFirst, ["batch", frames, size]);

    public void Return(OnnxBackend backend)
    {
        if (Present is not null) backend.Return(names.PresentFirst, Present, backend.Options.ComputeType, ["batch", frames, size]);
    }

    public override void Reset(int row) =>
        throw new ModelException("A tail that is being recorded cannot be reset; whoever runs the graph begins with zeros.");
}

/// <summary>Hidden and cell values of a recurrent layer, (batch, size): inputs with those before, outputs with those after.</summary>
internal sealed class OnnxRecurrentState(StateNames names, int size) : RecurrentState, IRecordedState
{
    public int Size => size;

    public IReadOnlyList<CarriedTensor> Carried { get; } =
    [
        new(names.PastFirst, names.PresentFirst, [-1, size]), new(names.PastSecond, names.PresentSecond, [-1, size]),
    ];

    public GraphValue? Hidden { get; set; }

    public GraphValue? Cell { get; set; }

    public void Begin(OnnxBackend backend)
    {
        Hidden ??= backend.StateInput(names.PastFirst, ["batch", size]);
        Cell ??= backend.StateInput(names.PastSecond, ["batch", size]);
    }

    public void Return(OnnxBackend backend)
    {
        if (Hidden is null) return;
        backend.Return(names.PresentFirst, Hidden, backend.Options.ComputeType, ["batch", size]);
        backend.Return(names.PresentSecond, Cell!, backend.Options.ComputeType, ["batch", size]);
    }

    public override void Reset() =>
        throw new ModelException("A state that is being recorded cannot be reset; whoever runs the graph begins with zeros.");
}
