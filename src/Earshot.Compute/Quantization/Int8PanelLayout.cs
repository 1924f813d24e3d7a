using System.Runtime.InteropServices;

namespace Earshot.Compute.Quantization;

/// <summary>
/// How an int8 matrix of (rows, columns) = (outputs, inputs) lies in panels, in the order in which the kernels of every instruction set
/// read it: [panel][step][32 outputs][4 inputs], a byte each, code + 128. Rows behind the last are filled with the code 0.
/// </summary>
public readonly record struct Int8PanelLayout
{
    /// <summary>Outputs of a panel.</summary>
    public const int Width = 32;

    /// <summary>Inputs of a step.</summary>
    public const int StepInputs = 4;

    /// <summary>What is added to a code, so that a byte holds it.</summary>
    public const int Offset = 128;

    // Adding 128 flips a byte's highest bit.
    const uint OffsetQuad = 0x80808080;

    // Tiles take 16 steps at once; and a panel whose inputs are a multiple of this is a whole number of pages.
    const int InputMultiple = 128;

    public Int8PanelLayout(int rows, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        if (!Fits(columns))
            throw new ArgumentOutOfRangeException(nameof(columns), columns, $"Panels hold a multiple of {InputMultiple} inputs.");
        Rows = rows;
        Columns = columns;
    }

    public int Rows { get; }

    public int Columns { get; }

    public int Panels => (Rows + Width - 1) / Width;

    public int Steps => Columns / StepInputs;

    /// <summary>Bytes of a panel: a multiple of 4,096.</summary>
    public long PanelBytes => (long)Columns * Width;

    /// <summary>Whether rows of so many columns fill whole steps, so that a saved matrix needs no padding.</summary>
    public static bool Fits(int columns) => columns > 0 && columns % InputMultiple == 0;

    /// <summary>Writes a row's codes to its column of a panel.</summary>
    public void Scatter(ReadOnlySpan<sbyte> codes, Span<byte> panel, int column)
    {
        var from = MemoryMarshal.Cast<sbyte, uint>(codes[..Columns]);
        var to = MemoryMarshal.Cast<byte, uint>(panel);
        for (int step = 0; step < from.Length; step++) to[step * Width + column] = from[step] ^ OffsetQuad;
    }

    /// <summary>Reads a row's codes from its column of a panel.</summary>
    public void Gather(ReadOnlySpan<byte> panel, int column, Span<sbyte> codes)
    {
        var from = MemoryMarshal.Cast<byte, uint>(panel);
        var to = MemoryMarshal.Cast<sbyte, uint>(codes[..Columns]);
        for (int step = 0; step < to.Length; step++) to[step] = from[step * Width + column] ^ OffsetQuad;
    }
}
