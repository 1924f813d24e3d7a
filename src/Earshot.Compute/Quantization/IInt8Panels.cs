using System.Runtime.InteropServices;

namespace Earshot.Compute.Quantization;

/// <summary>
/// A stored int8 matrix whose panels lie in mapped memory as the kernels read them, for whoever computes in int8: nothing is packed or
/// copied.
/// </summary>
public interface IInt8Panels : IQuantizedRows
{
    Int8PanelLayout Layout { get; }

    /// <summary>The mapped file, and where in it the first panel begins, in bytes.</summary>
    (SafeBuffer Memory, long Offset) Panels { get; }

    /// <summary>
    /// To be called before panels are read where they lie: a mapped page that its file no longer has ends the process. It asks the system
    /// only once in a while.
    /// </summary>
    /// <exception cref="CheckpointException">The file was shortened or written to since it was opened.</exception>
    void ThrowIfChanged() { }

    /// <summary>Reads what one unit of each row's codes is worth, (rows).</summary>
    /// <exception cref="CheckpointException">A scale is no number that quantising gives.</exception>
    void ReadScales(Span<float> destination);
}
