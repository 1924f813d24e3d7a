using Earshot.Compute.Quantization;

namespace Earshot.Compute.Cpu;

/// <summary>The matrices of a grouped convolution, one for each group.</summary>
internal sealed class PackedGroups : IDisposable
{
    readonly PackedMatrix[] _matrices;

    public PackedGroups(StoredTensor stored, int groups, WeightFormat format, WorkerPool pool)
    {
        _matrices = new PackedMatrix[groups];
        for (int g = 0; g < groups; g++) _matrices[g] = PackedMatrix.Pack(new ConvolutionSource(stored, g, groups), format, pool);
    }

    public PackedMatrix this[int group] => _matrices[group];

    /// <summary>Bytes of all.</summary>
    public long Bytes => _matrices.Sum(matrix => matrix.Bytes);

    public void Dispose()
    {
        foreach (var matrix in _matrices) matrix.Dispose();
    }
}
