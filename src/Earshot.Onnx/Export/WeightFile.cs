using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Export;

/// <summary>The one file of weights that the graphs of an export share.</summary>
static class WeightFile
{
    /// <summary>Smaller constants stay inside their graph.</summary>
    const int LeastBytes = 2048;

    /// <summary>Tensors begin at multiples of this, so that a runtime can map them.</summary>
    const int Alignment = 4096;

    const int Piece = 4 << 20;

    /// <summary>Writes all larger constants of the models, each once, piece by piece; the models then refer to the file.</summary>
    public static void Write(
        IReadOnlyList<OnnxModel> models, string path, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var values = models.SelectMany(model => model.Graph.Initializers)
            .Where(value => value.Initializer!.ByteLength >= LeastBytes && !IsIn(value.Initializer!, folder)).ToList();
        var tensors = values.Select(value => value.Initializer!).Distinct(ReferenceEqualityComparer.Instance).Cast<TensorData>().ToList();
        if (tensors.Count == 0) return;
        var places = new Dictionary<TensorData, long>(ReferenceEqualityComparer.Instance);
        var temporary = $"{path}.{Guid.NewGuid():N}.partial";
        try
        {
            WriteTensors(tensors, temporary, places, progress, cancellationToken);
            File.Move(temporary, path);
        }
        finally
        {
            File.Delete(temporary);
        }
        foreach (var value in values)
        {
            value.Initializer = TensorData.FromFile(
                value.Initializer!.Type, value.Initializer.Shape, path, places[value.Initializer], value.Name);
        }
    }

    static void WriteTensors(
        List<TensorData> tensors, string path, Dictionary<TensorData, long> places, IProgress<double>? progress,
        CancellationToken cancellationToken)
    {
        double total = tensors.Sum(tensor => tensor.ByteLength);
        long done = 0;
        var piece = new byte[Piece];
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        foreach (var tensor in tensors)
        {
            file.Position = places[tensor] = (file.Position + Alignment - 1) / Alignment * Alignment;
            for (long at = 0; at < tensor.ByteLength; at += Piece)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var bytes = piece.AsSpan(0, (int)Math.Min(Piece, tensor.ByteLength - at));
                tensor.Read(at, bytes);
                file.Write(bytes);
                progress?.Report((done += bytes.Length) / total);
            }
        }
    }

    static bool IsIn(TensorData tensor, string folder) => tensor.File is { } file && Path.GetDirectoryName(file) == folder;
}
