using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Runtimes;

/// <summary>A graph of an exported model, loaded, whose inputs and outputs are checked against what the model's parts say.</summary>
internal sealed class ModelGraph : IDisposable
{
    readonly string _path;

    /// <exception cref="CheckpointException">The folder lacks the file.</exception>
    /// <exception cref="OnnxRuntimeException">ONNX Runtime is absent, refused the graph, or has none of the wished providers.</exception>
    public ModelGraph(string folder, string file, OnnxSessionOptions options)
    {
        _path = Path.Combine(folder, file);
        if (!File.Exists(_path))
            throw new CheckpointException($"'{folder}' has no graph '{file}', which its manifest names. Export the model again.");
        Session = OnnxSession.FromFile(_path, options);
    }

    /// <summary>Loads the graph of a part and checks it; what fails leaves nothing open.</summary>
    /// <param name="file">As the manifest has it; null where there is none.</param>
    /// <param name="part">What it is of, such as "an encoder".</param>
    /// <exception cref="CheckpointException">The folder was exported without the part, or lacks the file.</exception>
    public static ModelGraph Open(string folder, string? file, string part, OnnxSessionOptions options, Action<ModelGraph> check)
    {
        if (file is null) throw new CheckpointException($"'{folder}' was exported without {part}, which this model has. Export it again.");
        var graph = new ModelGraph(folder, file, options);
        try
        {
            check(graph);
            return graph;
        }
        catch
        {
            graph.Dispose();
            throw;
        }
    }

    public OnnxSession Session { get; }

    public bool HasInput(string name) => Session.Inputs.Any(input => input.Name == name);

    public bool HasOutput(string name) => Session.Outputs.Any(output => output.Name == name);

    /// <summary>Makes sure that an input has these sizes; −1 stands for a size that is open.</summary>
    /// <exception cref="CheckpointException">There is no such input, or it has others.</exception>
    public OnnxTensorDescription RequireInput(string name, params ReadOnlySpan<long> sizes) =>
        Require("input", Session.Inputs, name, sizes);

    /// <inheritdoc cref="RequireInput"/>
    public OnnxTensorDescription RequireOutput(string name, params ReadOnlySpan<long> sizes) =>
        Require("output", Session.Outputs, name, sizes);

    /// <summary>Makes sure that what a graph carries goes in and comes out again, in one type; returns the input.</summary>
    /// <exception cref="CheckpointException">One of the two is missing, or has other sizes or another type.</exception>
    public OnnxTensorDescription RequireCarried(CarriedTensor tensor)
    {
        ReadOnlySpan<long> sizes = [.. tensor.Sizes];
        OnnxTensorDescription past = RequireInput(tensor.Past, sizes), present = RequireOutput(tensor.Present, sizes);
        return past.Type == present.Type ? past : throw Unfit($"the output {present}", $"{past.Type}, as the input '{past.Name}'");
    }

    /// <summary>Makes sure that nothing is wanted but these inputs.</summary>
    /// <exception cref="CheckpointException">There is another.</exception>
    public void RequireOnlyInputs(IReadOnlyCollection<string> names)
    {
        if (Session.Inputs.FirstOrDefault(input => !names.Contains(input.Name)) is { } other)
            throw Unfit($"the input {other}", $"only {string.Join(", ", names)}");
    }

    public void Dispose() => Session.Dispose();

    CheckpointException Unfit(string found, string expected) => new(
        $"The graph '{_path}' has {found}; expected {expected}. "
        + "The graphs and the settings beside them belong to different models: export the model again.");

    OnnxTensorDescription Require(string kind, IReadOnlyList<OnnxTensorDescription> all, string name, ReadOnlySpan<long> sizes)
    {
        var expected = $"({string.Join(", ", sizes.ToArray().Select(size => size < 0 ? "?" : $"{size}"))})";
        var found = all.FirstOrDefault(own => own.Name == name)
            ??
                throw new CheckpointException(
                    $"The graph '{_path}' has no {kind} '{name}'; "
                    +
                    $"expected one of {expected}. The graphs and the settings beside them belong to different " +
                    "models: export the model again.");
        bool fits = found.Shape.Count == sizes.Length;
        for (int i = 0; fits && i < sizes.Length; i++) fits = sizes[i] < 0 || found.Shape[i].Size is not { } size || size == sizes[i];
        return fits ? found : throw Unfit($"the {kind} {found}", expected);
    }
}
