using Earshot.Checkpoints;
using Earshot.Compute;

namespace Earshot.Cli.Inspection;

/// <summary>
/// A model's tensors with what they take as they are stored: a quantised matrix is one tensor here, and several in its file.
/// </summary>
internal sealed class InspectedWeights : IDisposable
{
    readonly IDisposable? _file;
    readonly QuantizedTensors? _quantized;
    readonly bool _isForeign;
    readonly Dictionary<string, long> _quantizedBytes = [];

    /// <summary>Weights that are stored as plain numbers.</summary>
    public InspectedWeights(ITensorStore tensors) => Tensors = tensors;

    InspectedWeights(SafetensorsCheckpoint file, QuantizedTensors tensors) : this(tensors)
    {
        _file = file;
        _quantized = tensors;
        foreach (var name in file.Names)
        {
            // The parts of a matrix are called by its name and a suffix of one word.
            var matrix = name[..Math.Max(0, name.LastIndexOf('.'))];
            if (tensors.IsQuantized(matrix))
                _quantizedBytes[matrix] = _quantizedBytes.GetValueOrDefault(matrix) + file.Find(name)!.ByteLength;
        }
    }

    InspectedWeights(ModelWeights weights) : this((ITensorStore)weights)
    {
        _file = weights;
        _isForeign = true;
    }

    public ITensorStore Tensors { get; }

    /// <summary>Opens the weights in a model's folder, quantised or not, or in another program's files.</summary>
    /// <exception cref="CheckpointException">They are missing or damaged.</exception>
    public static InspectedWeights Open(string folder)
    {
        if (new ModelFolder(folder) is { Quantization: null } plain) return new InspectedWeights(plain.OpenWeights());
        var file = SafetensorsCheckpoint.Open(folder);
        try
        {
            return new InspectedWeights(file, new QuantizedTensors(file, SavedFormat.Of(folder)!));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public long BytesOf(StoredTensor tensor) =>
        _isForeign ? ModelWeights.StoredBytes(tensor)
            : _quantizedBytes.TryGetValue(tensor.Name, out long bytes) ? bytes : tensor.ByteLength;

    /// <summary>How the elements are stored: <c>F16</c>, <c>int8</c>.</summary>
    public string TypeOf(StoredTensor tensor) =>
        _isForeign ? ModelWeights.StoredAs(tensor)
            : _quantized?.FormatOf(tensor.Name) is { } format ? format.Name : tensor.Type.ToString();

    public void Dispose() => _file?.Dispose();
}
