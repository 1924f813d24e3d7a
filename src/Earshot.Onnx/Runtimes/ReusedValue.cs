using Earshot.Onnx.Native;

namespace Earshot.Onnx.Runtimes;

/// <summary>Values in the processor's memory that serve run after run as long as their shape stays.</summary>
static class ReusedValue
{
    /// <summary>
    /// Whether a new value was needed: the last one had another shape. It is still bound, and lives natively until it is not.
    /// </summary>
    public static bool Make(ref OnnxValue? value, OnnxElementType type, ReadOnlySpan<long> shape)
    {
        if (value is not null && value.Shape.SequenceEqual(shape)) return false;
        value?.Dispose();
        value = OnnxValue.Allocate(type, shape);
        return true;
    }
}
