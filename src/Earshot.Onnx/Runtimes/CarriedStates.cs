using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Runtimes;

/// <summary>
/// What a graph carries from run to run beside its one result, and what it begins with: zeros, and nothing where a size is open.
/// </summary>
sealed class CarriedLayout : IDisposable
{
    /// <param name="result">The output that is not carried, and where it is wanted.</param>
    /// <exception cref="CheckpointException">The graph does not have these tensors.</exception>
    public CarriedLayout(
        ModelGraph graph, IReadOnlyList<CarriedTensor> tensors, StatePlace place, (string Name, OnnxMemoryInfo Place) result)
    {
        (Tensors, Place, Result) = (tensors, place, result);
        OnnxTensorDescription[] inputs = [.. tensors.Select(graph.RequireCarried)];
        First = Array.ConvertAll(inputs, Zeros);
    }

    public IReadOnlyList<CarriedTensor> Tensors { get; }

    public StatePlace Place { get; }

    public (string Name, OnnxMemoryInfo Place) Result { get; }

    /// <summary>The first run's inputs, which all sequences share.</summary>
    public OnnxValue[] First { get; }

    public void Dispose()
    {
        foreach (var value in First) value.Dispose();
    }

    static OnnxValue Zeros(OnnxTensorDescription input)
    {
        var value = OnnxValue.Allocate(input.Type, [.. input.Shape.Select((dimension, i) => i == 0 ? 1 : dimension.Size ?? 0)]);
        value.Bytes().Clear();
        return value;
    }
}

/// <summary>
/// What one sequence carries: each run's outputs are the next run's inputs, and stay where the graph runs. After a run that failed or was
/// cancelled it is as before.
/// </summary>
sealed class CarriedStates : IDisposable
{
    readonly OnnxIoBinding _binding;
    readonly CarriedLayout _layout;
    OnnxOutputs? _last;

    public CarriedStates(OnnxIoBinding binding, CarriedLayout layout)
    {
        (_binding, _layout) = (binding, layout);
        for (int i = 0; i < layout.First.Length; i++) binding.BindInput(layout.Tensors[i].Past, layout.First[i]);
        BindOutputs();
    }

    /// <summary>Goes on from what the last run of the binding gave, and returns its result, valid until the next.</summary>
    public OnnxValue Advance()
    {
        var outputs = _binding.TakeOutputs();
        foreach (var tensor in _layout.Tensors) _binding.BindInput(tensor.Past, outputs[tensor.Present]);
        BindOutputs();
        _last?.Dispose();
        _last = outputs;
        return outputs[_layout.Result.Name];
    }

    public void Dispose() => _last?.Dispose();

    // Anew for each run, which else would write where the last one did: over its own inputs.
    void BindOutputs()
    {
        _binding.BindOutput(_layout.Result.Name, _layout.Result.Place);
        foreach (var tensor in _layout.Tensors) _binding.BindOutput(tensor.Present, _layout.Place.Info);
    }
}
