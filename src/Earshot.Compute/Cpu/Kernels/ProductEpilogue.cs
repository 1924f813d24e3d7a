using System.Runtime.CompilerServices;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// Finishes the sums of a block of rows of one panel while they are in cache: scales, bias, activation, residual, and the store.
/// </summary>
internal readonly unsafe struct ProductEpilogue<TLanes> where TLanes : struct, ILanes<TLanes>
{
    const int Width = PackedMatrix.PanelWidth;

    readonly Activation _activation;
    readonly bool _integers;
    readonly int _count;
    readonly float* _columnScales;
    readonly float* _bias;
    readonly float* _residual;
    readonly nint _residualStride;
    readonly float* _y;
    readonly nint _yStride;

    // The columns that are kept beside int8 codes, and the rows that they multiply.
    readonly int _outliers;
    readonly int* _outlierColumns;
    readonly float* _outlierValues;
    readonly float* _x;
    readonly nint _xStride;

    /// <summary>For the rows of one panel of a matrix from <paramref name="firstRow"/> on.</summary>
    public ProductEpilogue(in LinearCall call, in LinearTarget target, int firstColumn, int firstRow)
    {
        _activation = call.Activation;
        _count = Math.Min(Width, target.Weights.Outputs - firstColumn);
        _integers = call.Kernel.SumsIntegers;
        _columnScales = target.Weights.ColumnScales == null ? null : target.Weights.ColumnScales + firstColumn;
        _bias = target.Bias == null ? null : target.Bias + firstColumn;
        _residual = call.Residual == null ? null : call.Residual + firstRow * call.ResidualStride + firstColumn;
        _residualStride = call.ResidualStride;
        _y = target.Y + firstRow * target.YStride + firstColumn;
        _yStride = target.YStride;
        if (target.Weights.Outliers is { } outliers)
        {
            _outliers = outliers.Count;
            _outlierColumns = outliers.Columns;
            _outlierValues = outliers.Panel(firstColumn / Width);
            _x = call.X + firstRow * call.XStride;
            _xStride = call.XStride;
        }
    }

    /// <summary>Takes sums (rows, 32): int32 with the rows' units, two for each row where those are pairs, or float32 without.</summary>
    public void Finish(float* sums, int rows, in RowUnits units)
    {
        // Zeros stand for what there is not, so that no row asks.
        float* zeros = stackalloc float[Width];
        new Span<float>(zeros, Width).Clear();
        var rest = new Operands
        {
            Bias = _bias == null ? zeros : _bias,
            Residual = _residual == null ? zeros : _residual,
            ResidualStride = _residual == null ? 0 : _residualStride,
            Y = _y,
            YStride = _yStride,
        };
        if (_count == Width && _outliers == 0)
        {
            FinishRows(sums, rows, units, rest);
            return;
        }
        FinishOneByOne(sums, rows, units, rest);
    }

    void FinishOneByOne(float* sums, int rows, in RowUnits units, in Operands rest)
    {
        // The last panel has columns that the output lacks.
        float* padded = stackalloc float[4 * Width];
        new Span<float>(padded, 4 * Width).Clear();
        var whole = new Operands { Bias = padded, Residual = padded + Width, Y = padded + 2 * Width };
        float* bias = whole.Bias;
        if (_outliers > 0) whole.Bias = padded + 3 * Width;
        new Span<float>(rest.Bias, _count).CopyTo(new Span<float>(bias, Width));
        for (int r = 0; r < rows; r++)
        {
            if (_outliers > 0) AddOutliers(_x + r * _xStride, bias, whole.Bias);
            new Span<float>(rest.Residual + r * rest.ResidualStride, _count).CopyTo(new Span<float>(whole.Residual, Width));
            FinishRows(sums + r * units.Parts * Width, 1, units.From(r), whole);
            new Span<float>(whole.Y, _count).CopyTo(new Span<float>(_y + r * _yStride, _count));
        }
    }

    // What the columns that are kept come to for a row joins its bias: one sum in the columns' order, whatever the other rows.
    void AddOutliers(float* x, float* bias, float* sums)
    {
        for (int n = 0; n < Width; n += TLanes.Count)
        {
            var sum = TLanes.Load(bias + n);
            for (int i = 0; i < _outliers; i++)
                sum = TLanes.MultiplyAdd(TLanes.Load(_outlierValues + i * Width + n), TLanes.Create(x[_outlierColumns[i]]), sum);
            sum.Store(sums + n);
        }
    }

    void FinishRows(float* sums, int rows, in RowUnits units, in Operands operands)
    {
        if (_integers && units.Pairs) FinishRows<PairedSums<TLanes>>(sums, rows, units, operands);
        else if (_integers) FinishRows<IntegerSums<TLanes>>(sums, rows, units, operands);
        else if (_columnScales != null) FinishRows<ScaledSums<TLanes>>(sums, rows, units, operands);
        else FinishRows<PlainSums<TLanes>>(sums, rows, units, operands);
    }

    void FinishRows<TSums>(float* sums, int rows, in RowUnits units, in Operands operands) where TSums : struct, ISums<TLanes>
    {
        switch (_activation)
        {
            case Activation.Gelu: FinishRows<TSums, Gelu<TLanes>>(sums, rows, units, operands); break;
            case Activation.Silu: FinishRows<TSums, Silu<TLanes>>(sums, rows, units, operands); break;
            case Activation.Relu: FinishRows<TSums, Relu<TLanes>>(sums, rows, units, operands); break;
            case Activation.Sigmoid: FinishRows<TSums, Sigmoid<TLanes>>(sums, rows, units, operands); break;
            case Activation.LeakyRelu: FinishRows<TSums, LeakyRelu<TLanes>>(sums, rows, units, operands); break;
            case Activation.Abs: FinishRows<TSums, Abs<TLanes>>(sums, rows, units, operands); break;
            case Activation.Tanh: FinishRows<TSums, Tanh<TLanes>>(sums, rows, units, operands); break;
            case Activation.GeluTanh: FinishRows<TSums, GeluTanh<TLanes>>(sums, rows, units, operands); break;
            case Activation.QuickGelu: FinishRows<TSums, QuickGelu<TLanes>>(sums, rows, units, operands); break;
            case Activation.Elu: FinishRows<TSums, Elu<TLanes>>(sums, rows, units, operands); break;
            default: FinishRows<TSums, Identity<TLanes>>(sums, rows, units, operands); break;
        }
    }

    // What the sums are and what is done to them is known when this is compiled: the loop has no other branch.
    void FinishRows<TSums, TActivation>(float* sums, int rows, in RowUnits units, in Operands operands)
        where TSums : struct, ISums<TLanes>
        where TActivation : struct, IActivation<TLanes>
    {
        float* bias = operands.Bias, residual = operands.Residual, y = operands.Y, scales = _columnScales;
        nint residualStride = operands.ResidualStride, yStride = operands.YStride;
        for (int r = 0; r < rows; r++)
        {
            var row = TSums.Row(units, r);
            for (int n = 0; n < Width; n += TLanes.Count)
            {
                var value = TSums.Load(sums + n, row, scales + n) + TLanes.Load(bias + n);
                (TActivation.Apply(value) + TLanes.Load(residual + n)).Store(y + n);
            }
            sums += TSums.Parts * Width;
            residual += residualStride;
            y += yStride;
        }
    }

    /// <summary>What is added to each element and where it goes; strides in elements, zero for one row that serves all.</summary>
    struct Operands
    {
        public float* Bias;
        public float* Residual;
        public nint ResidualStride;
        public float* Y;
        public nint YStride;
    }
}

/// <summary>What int8 rows count in: a scale for each row, and the sums of its codes, of which pairs have two.</summary>
internal unsafe struct RowUnits
{
    public float* Scales;
    public int* Sums;
    public bool Pairs;

    public readonly int Parts => Pairs ? 2 : 1;

    public readonly RowUnits From(int row) => this with { Scales = Scales + row, Sums = Sums + Parts * row };
}

/// <summary>A row's scale, and what to take off its sums: each weight was stored with 128 added.</summary>
internal struct RowUnit<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public TLanes Scale;
    public int Less;
    public int FineLess;
}

/// <summary>How a micro-kernel's sums become float32.</summary>
internal unsafe interface ISums<TLanes> where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Rows of sums for each row.</summary>
    static abstract int Parts { get; }

    static abstract RowUnit<TLanes> Row(in RowUnits units, int row);

    static abstract TLanes Load(float* sums, in RowUnit<TLanes> row, float* columnScales);
}

/// <summary>float32 as it is.</summary>
internal readonly unsafe struct PlainSums<TLanes> : ISums<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static int Parts => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowUnit<TLanes> Row(in RowUnits units, int row) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load(float* sums, in RowUnit<TLanes> row, float* columnScales) => TLanes.Load(sums);
}

/// <summary>float32 in units of the columns' scales.</summary>
internal readonly unsafe struct ScaledSums<TLanes> : ISums<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static int Parts => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowUnit<TLanes> Row(in RowUnits units, int row) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load(float* sums, in RowUnit<TLanes> row, float* columnScales) => TLanes.Load(sums) * TLanes.Load(columnScales);
}

/// <summary>int32 in units of the rows' and the columns' scales.</summary>
internal readonly unsafe struct IntegerSums<TLanes> : ISums<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static int Parts => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowUnit<TLanes> Row(in RowUnits units, int row) =>
        new() { Scale = TLanes.Create(units.Scales[row]), Less = 128 * units.Sums[row] };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load(float* sums, in RowUnit<TLanes> row, float* columnScales) =>
        TLanes.LoadInt32((int*)sums, row.Less) * (TLanes.Load(columnScales) * row.Scale);
}

/// <summary>The same of a pair of rows.</summary>
internal readonly unsafe struct PairedSums<TLanes> : ISums<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static int Parts => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowUnit<TLanes> Row(in RowUnits units, int row) =>
        new() { Scale = TLanes.Create(units.Scales[row]), Less = 128 * units.Sums[2 * row], FineLess = 128 * units.Sums[2 * row + 1] };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load(float* sums, in RowUnit<TLanes> row, float* columnScales)
    {
        var fine = TLanes.LoadInt32((int*)sums + PackedMatrix.PanelWidth, row.FineLess);
        var units = TLanes.MultiplyAdd(fine, TLanes.Create(1 / Rows<TLanes>.FineUnits), TLanes.LoadInt32((int*)sums, row.Less));
        return units * (TLanes.Load(columnScales) * row.Scale);
    }
}
