using Earshot.Checkpoints.Nemo;
using Earshot.Checkpoints.Torch;
using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>The files that hold a model's weights as plain or quantised tensors, whichever of the formats they are in.</summary>
static class WeightFiles
{
    /// <summary>
    /// Opens what a model's folder, or archive, has: safetensors where there are some, else PyTorch's files, else NeMo's archive.
    /// </summary>
    /// <returns>The tensors, which are to be disposed of.</returns>
    /// <exception cref="CheckpointException">There are none, or they are damaged.</exception>
    public static ITensorStore Open(string path)
    {
        if (NemoArchive.Find(path) is { } nemo) return NemoArchive.OpenWeights(nemo);
        if (HasSafetensors(path) || !HasTorch(path)) return SafetensorsCheckpoint.Open(path);
        var file = Path.Combine(path, TorchCheckpoint.FileName);
        return File.Exists(file)
            ? TorchCheckpoint.Open(file)
            : new ShardedTensors(Path.Combine(path, TorchCheckpoint.IndexName), ".bin", TorchCheckpoint.Open);
    }

    /// <summary>Whether a folder has PyTorch's files, in a form that is opened here.</summary>
    public static bool HasTorch(string folder)
    {
        var file = Path.Combine(folder, TorchCheckpoint.FileName);
        return File.Exists(file) ? ForeignWeights.IsTorch(file) : File.Exists(Path.Combine(folder, TorchCheckpoint.IndexName));
    }

    static bool HasSafetensors(string folder) =>
        File.Exists(Path.Combine(folder, SafetensorsCheckpoint.FileName))
        || File.Exists(Path.Combine(folder, SafetensorsCheckpoint.IndexName));
}
