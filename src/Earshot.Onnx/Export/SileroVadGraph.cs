using Earshot.Compute;
using Earshot.Models;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Export;

/// <summary>
/// Records Silero's voice activity detector: windows with the 64 samples before them, <c>input</c> (batch, 1, 576), and the streams'
/// state <c>h</c> and <c>c</c> (batch, 128) to <c>probability</c> (batch, 1, 1) and the state after, <c>hn</c> and <c>cn</c>. The rows of
/// a batch are streams.
/// </summary>
public static class SileroVadGraph
{
    /// <summary>Records the graph over the tensors of <c>silero_vad_16k.safetensors</c>.</summary>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape.</exception>
    public static OnnxModel Record(ITensorStore tensors, GraphOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        const int samples = SileroVadModel.ContextSize + SileroVadModel.WindowSize, size = SileroVadModel.HiddenSize;
        var backend = new OnnxBackend("silero_vad", options ?? new GraphOptions { Target = GraphTarget.Portable });
        var w = new Scope(tensors);
        var windows = backend.InputBySize("input", new Shape(1, 1, samples), "batch", 1, samples);
        using var state = backend.CreateRecurrentState(new StateNames("h", "c", "hn", "cn"), size);
        var sound = SileroVadModel.Encode(windows, w); // (batch, 1, 128)
        var probability = SileroVadModel.Decide(backend.Reshape(sound, new Shape(1, size)), state, w);
        backend.Output("probability", probability, "batch", 1, 1);
        return backend.Build();
    }

    /// <summary>Records and writes the graph, weights inside, as one file.</summary>
    public static void Export(ITensorStore tensors, string path, GraphOptions? options = null) => Record(tensors, options).Save(path);
}
