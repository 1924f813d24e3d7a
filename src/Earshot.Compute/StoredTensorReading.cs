using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Earshot.Compute;

/// <summary>Reading stored elements as float32.</summary>
public static class StoredTensorReading
{
    /// <summary>Reads elements beginning at <paramref name="element"/>, converted to float32.</summary>
    /// <exception cref="CheckpointException">The elements are integers.</exception>
    public static void ReadFloats(this StoredTensor stored, long element, Span<float> destination)
    {
        const int chunk = 4096; // elements at a time, so that conversion needs no more than the stack
        Span<byte> buffer = stackalloc byte[chunk * 2];
        switch (stored.Type)
        {
            case DType.F32:
                stored.Read(element * 4, MemoryMarshal.AsBytes(destination));
                break;
            case DType.F16:
                for (int done = 0; done < destination.Length; done += chunk)
                {
                    var part = destination.Slice(done, Math.Min(chunk, destination.Length - done));
                    var bytes = buffer[..(part.Length * 2)];
                    stored.Read((element + done) * 2, bytes);
                    TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes), part);
                }
                break;
            case DType.BF16:
                for (int done = 0; done < destination.Length; done += chunk)
                {
                    var part = destination.Slice(done, Math.Min(chunk, destination.Length - done));
                    var bytes = buffer[..(part.Length * 2)];
                    stored.Read((element + done) * 2, bytes);
                    var halves = MemoryMarshal.Cast<byte, ushort>(bytes);
                    for (int i = 0; i < part.Length; i++) part[i] = BitConverter.UInt32BitsToSingle((uint)halves[i] << 16);
                }
                break;
            case DType.F64:
                for (int done = 0; done < destination.Length; done += chunk / 4)
                {
                    var part = destination.Slice(done, Math.Min(chunk / 4, destination.Length - done));
                    var bytes = buffer[..(part.Length * 8)];
                    stored.Read((element + done) * 8, bytes);
                    var doubles = MemoryMarshal.Cast<byte, double>(bytes);
                    for (int i = 0; i < part.Length; i++) part[i] = (float)doubles[i];
                }
                break;
            default:
                throw new CheckpointException($"Tensor '{stored.Name}' holds {stored.Type}; expected a floating-point type.");
        }
    }

    /// <summary>All elements as float32.</summary>
    public static float[] ToFloats(this StoredTensor stored)
    {
        var values = new float[checked((int)stored.Shape.Count)];
        stored.ReadFloats(0, values);
        return values;
    }
}
