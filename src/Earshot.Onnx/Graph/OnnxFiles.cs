namespace Earshot.Onnx.Graph;

/// <summary>How a model is written.</summary>
public sealed record OnnxSaveOptions
{
    /// <summary>
    /// Tensors of at least so many bytes go into a data file beside the model; null: only where the model would not fit into one file.
    /// </summary>
    public long? ExternalThreshold { get; init; }

    /// <summary>
    /// Whether tensors that are in a file of the model's folder already (a checkpoint's weights, say) are left there and referred to.
    /// </summary>
    public bool ReferToFiles { get; init; } = true;
}

/// <summary>Writes models to files: beside their final place first, then renamed.</summary>
static class OnnxFiles
{
    /// <summary>protobuf's limit of 2 GB, less room for all that is not tensors.</summary>
    const long MostInOneFile = 1_800_000_000;

    /// <summary>The threshold where a model is too large for one file.</summary>
    const long DefaultThreshold = 1024;

    /// <summary>Data begins at multiples of this, so that a runtime can map it.</summary>
    const long Alignment = 4096;

    public static void Save(OnnxModel model, string path, OnnxSaveOptions options)
    {
        path = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(path) ?? throw new OnnxModelException($"'{path}' is no file's path.");
        Directory.CreateDirectory(folder);
        var tensors = Tensors(model).ToList();
        long? threshold = options.ExternalThreshold ?? (tensors.Sum(tensor => tensor.ByteLength) > MostInOneFile ? DefaultThreshold : null);
        var places = new Dictionary<TensorData, ExternalPlace>(ReferenceEqualityComparer.Instance);
        if (options.ReferToFiles) FindInPlace(tensors, folder, path, places);
        var moved = threshold is { } least
            ? tensors.Where(tensor => tensor.ByteLength >= least && !places.ContainsKey(tensor)).ToList()
            : [];
        var dataPath = path + ".data";
        var temporary = Temporary(path);
        var temporaryData = Temporary(dataPath);
        try
        {
            if (moved.Count > 0) WriteData(moved, temporaryData, Path.GetFileName(dataPath), places);
            using (var file = File.Create(temporary))
                new OnnxWriter(tensor => places.TryGetValue(tensor, out var place) ? place : null).Model(model).CopyTo(file);
            if (moved.Count > 0) File.Move(temporaryData, dataPath, overwrite: true);
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
            File.Delete(temporaryData);
        }
    }

    static IEnumerable<TensorData> Tensors(OnnxModel model)
    {
        var seen = new HashSet<TensorData>(ReferenceEqualityComparer.Instance);
        return model.Graph.SelfAndSubgraphs().SelectMany(graph => graph.Initializers).Select(value => value.Initializer!)
            .Where(tensor => tensor.Strings is null && seen.Add(tensor));
    }

    static void FindInPlace(List<TensorData> tensors, string folder, string path, Dictionary<TensorData, ExternalPlace> places)
    {
        foreach (var tensor in tensors)
        {
            if (tensor.File is not { } file || file == path || file == path + ".data") continue;
            var relative = Path.GetRelativePath(folder, file);
            if (Path.IsPathRooted(relative) || relative.StartsWith("..", StringComparison.Ordinal)) continue;
            places[tensor] = new ExternalPlace(relative.Replace('\\', '/'), tensor.FileOffset);
        }
    }

    static void WriteData(List<TensorData> tensors, string file, string location, Dictionary<TensorData, ExternalPlace> places)
    {
        using var data = File.Create(file);
        foreach (var tensor in tensors)
        {
            data.Position = (data.Position + Alignment - 1) / Alignment * Alignment;
            places[tensor] = new ExternalPlace(location, data.Position);
            tensor.CopyTo(data);
        }
    }

    static string Temporary(string path) => $"{path}.{Environment.ProcessId}.tmp";
}
