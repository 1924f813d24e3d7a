namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Finishes the sums of one panel while they are in cache: scales, bias, activation, residual, and the store.</summary>
internal readonly unsafe struct ProductEpilogue<TLanes>(LinearCall call, int firstColumn) where TLanes : struct, ILanes<TLanes>
{
    const int Width = PackedMatrix.PanelWidth;

    readonly int _count = Math.Min(Width, call.Weights.Outputs - firstColumn);

    /// <summary>int32 sums of unsigned weights → float32, in place.</summary>
    public void Dequantize(float* row, float rowScale, int rowSum)
    {
        int* sums = (int*)row;
        float* columnScales = call.Weights.ColumnScales + firstColumn;
        var scale = TLanes.Create(rowScale);
        // Each weight was stored with 128 added.
        int less = 128 * rowSum;
        for (int n = 0; n < Width; n += TLanes.Count) (TLanes.LoadInt32(sums + n, less) * (TLanes.Load(columnScales + n) * scale)).Store(row + n);
    }

    /// <summary>Sums in units of the columns' scales → float32, in place.</summary>
    public void Scale(float* row)
    {
        float* columnScales = call.Weights.ColumnScales + firstColumn;
        for (int n = 0; n < Width; n += TLanes.Count) (TLanes.Load(row + n) * TLanes.Load(columnScales + n)).Store(row + n);
    }

    /// <summary>Applies bias, activation and residual to a row of sums and stores it in the output.</summary>
    public void Store(float* row, int index)
    {
        float* y = call.Y + index * call.YStride + firstColumn;
        float* bias = call.Bias == null ? null : call.Bias + firstColumn;
        float* residual = call.Residual == null ? null : call.Residual + index * call.ResidualStride + firstColumn;
        if (_count == Width)
        {
            Finish(row, bias, residual, y);
            return;
        }
        // The last panel has columns that the output lacks.
        float* padded = stackalloc float[3 * Width];
        new Span<float>(padded, 3 * Width).Clear();
        if (bias != null) new Span<float>(bias, _count).CopyTo(new Span<float>(padded, Width));
        if (residual != null) new Span<float>(residual, _count).CopyTo(new Span<float>(padded + Width, Width));
        Finish(row, bias == null ? null : padded, residual == null ? null : padded + Width, padded + 2 * Width);
        new Span<float>(padded + 2 * Width, _count).CopyTo(new Span<float>(y, _count));
    }

    void Finish(float* row, float* bias, float* residual, float* y)
    {
        for (int n = 0; n < Width; n += TLanes.Count)
        {
            var value = TLanes.Load(row + n);
            if (bias != null) value += TLanes.Load(bias + n);
            if (call.Activation != Activation.None) value = VectorMath<TLanes>.Apply(call.Activation, value);
            if (residual != null) value += TLanes.Load(residual + n);
            value.Store(y + n);
        }
    }
}
