using Earshot.Compute;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Export;

/// <summary>
/// One step of a recurrent model: windows (1, inputs, 1) and what came before → its output, (…, outputs). <paramref name="root"/> is the
/// root of the checkpoint's names.
/// </summary>
public delegate Tensor RecurrentStep(Tensor window, RecurrentState state, Scope root);

/// <summary>
/// A recurrent model over windows of samples, such as a voice activity detector, as a graph: <see cref="Input"/> (batch, 1, inputs) and the
/// streams' state <c>h</c> and <c>c</c> (batch, size) to <see cref="Output"/> (batch, 1, outputs) and the state after, <c>hn</c> and
/// <c>cn</c>. The rows of a batch are streams.
/// </summary>
public sealed record RecurrentGraph
{
    /// <summary>The graph's name.</summary>
    public required string Name { get; init; }

    /// <summary>Samples of a window, with those before it that it begins with.</summary>
    public required int InputSize { get; init; }

    /// <summary>Values of the recurrent state.</summary>
    public required int StateSize { get; init; }

    /// <summary>Values that a window gives.</summary>
    public int OutputSize { get; init; } = 1;

    public required RecurrentStep Step { get; init; }

    /// <summary>The input's name.</summary>
    public string Input { get; init; } = "input";

    /// <summary>The output's name.</summary>
    public string Output { get; init; } = "output";

    /// <summary>Records the graph over a checkpoint's tensors; for any runtime unless <paramref name="options"/> say otherwise.</summary>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape.</exception>
    public OnnxModel Record(ITensorStore tensors, GraphOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var backend = new OnnxBackend(Name, options ?? new GraphOptions { Target = GraphTarget.Portable });
        var windows = backend.InputBySize(Input, new Shape(1, 1, InputSize), "batch", 1, InputSize);
        using var state = backend.CreateRecurrentState(new StateNames("h", "c", "hn", "cn"), StateSize);
        backend.Output(Output, Step(windows, state, new Scope(tensors)), "batch", 1, OutputSize);
        return backend.Build();
    }

    /// <summary>Records and writes the graph, weights inside, as one file.</summary>
    public void Export(ITensorStore tensors, string path, GraphOptions? options = null) => Record(tensors, options).Save(path);
}
