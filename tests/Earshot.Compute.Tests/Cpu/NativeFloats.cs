using System.Runtime.InteropServices;
using Earshot.Compute.Cpu;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>
/// Float32 values at a fixed, aligned address, with not-a-numbers behind them that must stay as they are and change nothing.
/// </summary>
internal sealed unsafe class NativeFloats : IDisposable
{
    const int Guard = 64;
    const float GuardValue = float.NaN;

    public NativeFloats(int length)
    {
        Length = length;
        Pointer = (float*)NativeMemory.AlignedAlloc((nuint)(length + Guard) * sizeof(float), 64);
        Span.Clear();
        new Span<float>(Pointer + length, Guard).Fill(GuardValue);
    }

    public int Length { get; }

    public float* Pointer { get; }

    public Span<float> Span => new(Pointer, Length);

    public float this[int index] => Span[index];

    /// <summary>Values spread over −1 … 1.</summary>
    public static NativeFloats Random(int length, int seed)
    {
        var values = new NativeFloats(length);
        var random = new Random(seed);
        foreach (ref float value in values.Span) value = 2 * random.NextSingle() - 1;
        return values;
    }

    public void AssertGuard()
    {
        foreach (float value in new Span<float>(Pointer + Length, Guard)) Assert.Equal(GuardValue, value);
    }

    public void Dispose() => NativeMemory.AlignedFree(Pointer);
}

/// <summary>A weight matrix in memory.</summary>
internal sealed class ArraySource(float[] values, int rows, int columns) : MatrixSource
{
    public override int Rows => rows;

    public override int Columns => columns;

    public float this[int row, int column] => values[row * columns + column];

    public static ArraySource Random(int rows, int columns, int seed)
    {
        var random = new Random(seed);
        var values = new float[rows * columns];
        foreach (ref float value in values.AsSpan()) value = 2 * random.NextSingle() - 1;
        return new ArraySource(values, rows, columns);
    }

    public override void ReadRow(int row, Span<float> destination) => values.AsSpan(row * columns, columns).CopyTo(destination);
}
