using System.Numerics.Tensors;

namespace Earshot.Compute.Cpu.Kernels;

/// <content>
/// Over int8 keys and values. Queries and probabilities become two int8 rows each, the second for what the first leaves over in
/// 254ths of its unit: with 15 bits their rounding adds nothing to that of the keys and values, and the rows are few.
/// </content>
internal unsafe partial struct HeadAttention<TLanes>
{
    // Of a row, two are done.
    const int MaxInt8Rows = MaxRows / 2;

    // 64 bytes more than a power of two, for the same reason as the scores'.
    const int CodeStride = BlockPositions + 64;

    readonly nint Int8Bytes =>
        CodesKeys ? 2 * MaxRows * sizeof(float)
        : Kernel.RowType == PanelType.Int8 ? 2 * MaxInt8Rows * (CodeStride + ScoreStride + 4 * sizeof(float)) : 0;

    readonly float* QueryUnits => (float*)(_int8 + (CodesKeys ? 0 : 2 * MaxInt8Rows * CodeStride));

    readonly int* QuerySums => (int*)(QueryUnits + 2 * MaxInt8Rows);

    readonly float* ProbabilityUnits => QueryUnits + 4 * MaxInt8Rows;

    readonly int* ProbabilitySums => (int*)(QueryUnits + 6 * MaxInt8Rows);

    readonly float* Products => QueryUnits + 8 * MaxInt8Rows;

    /// <summary>Rows of a layout that may be done together.</summary>
    public static int RowsTogether(in HeadLayout layout) => RowsAtOnce(layout.Kernel) / (layout.Kernel.RowType == PanelType.Int8 ? 2 : 1);

    // One row: scores are added up by a softmax and not by the values, and the keys are no more exact.
    readonly void CodeQuery(int row, float* query, float scale)
    {
        float largest = Rows<TLanes>.Largest(query, Layout.Size), units = Layout.KeyUnits, inverse = largest == 0 ? 0 : units / largest;
        byte* destination = _queries + row * _queryStride;
        int padded = Layout.KeySteps * KeyKernel.StepInputs;
        QueryUnits[row] = largest / units * scale;
        if (KeyKernel.Type == PanelType.Int16)
        {
            Rows<TLanes>.ToInt16(query, Layout.Size, inverse, (short*)destination, padded);
            QuerySums[row] = 0;
            return;
        }
        // Each key was stored with 128 added.
        QuerySums[row] = 128 * Rows<TLanes>.ToInt8(query, Layout.Size, inverse, (sbyte*)destination, padded);
    }

    /// <summary>Whether a block's int32 scores become float32 on their way: only a whole one has no end to mark.</summary>
    readonly bool MeasuresInSoftmax(int count) =>
        CodesKeys && count == BlockPositions && !Span.IsLimited && Bias == null && Kernel.IntegerSoftmax is not null;

    /// <summary>A block's int32 scores, in place, as float32.</summary>
    readonly void MeasureScores(int first, int count)
    {
        float* scales = (float*)(Panels + Layout.KeyScales(first));
        for (int r = 0; r < Rows; r++)
        {
            float* scores = (float*)((byte*)_scores + r * ScoreStride);
            var unit = TLanes.Create(QueryUnits[r]);
            int less = QuerySums[r];
            for (int n = 0; n < count; n += TLanes.Count)
                (TLanes.LoadInt32((int*)scores + n, less) * (TLanes.Load(scales + n) * unit)).Store(scores + n);
        }
    }

    readonly void SplitQuery(int row, float* query)
    {
        var codes = (sbyte*)_queries + 2 * row * _queryStride;
        Split(
            query, Layout.Size, new Int8Pair(codes, codes + _queryStride, Layout.KeySteps * Kernel.StepInputs),
            QueryUnits + row, QuerySums + 2 * row);
    }

    // Only when a block's keys have been read, behind which its scales come from memory.
    readonly void JoinScores(int first, int count)
    {
        float* scales = (float*)(Panels + Layout.KeyScales(first));
        for (int r = 0; r < Rows; r++)
        {
            float* scores = (float*)((byte*)_scores + r * ScoreStride);
            var unit = TLanes.Create(QueryUnits[r]);
            for (int n = 0; n < count; n += TLanes.Count) (Joined(r, n, QuerySums) * (TLanes.Load(scales + n) * unit)).Store(scores + n);
        }
    }

    void AddInt8Values(int first, int count)
    {
        int padded = Kernel.StepsFor(count) * Kernel.StepInputs;
        for (int r = 0; r < Rows; r++)
        {
            var codes = (sbyte*)_int8 + 2 * r * CodeStride;
            Split(
                (float*)((byte*)_scores + r * ScoreStride), padded, new Int8Pair(codes, codes + CodeStride, padded),
                ProbabilityUnits + r, ProbabilitySums + 2 * r);
        }
        var arguments =
            new MicroArguments { RowStride = CodeStride, Steps = Kernel.StepsFor(count), SumStride = ScoreStride, TileRows = _tileRows };
        for (int column = 0; column < PaddedSize; column += Width)
        {
            arguments.Rows = _int8;
            arguments.Panel = Panels + Layout.Values(first, column);
            arguments.Sums = Products + column % BlockPositions;
            Kernel.RunStrips(&arguments, 2 * Rows);
            int last = column % BlockPositions + Width;
            if (last == BlockPositions || column + Width == PaddedSize) AddProducts(column + Width - last, last);
        }
        _tileRows = arguments.TileRows;
    }

    readonly void AddProducts(int firstColumn, int count)
    {
        for (int r = 0; r < Rows; r++)
        {
            float* sums = _sums + r * PaddedSize + firstColumn;
            var unit = TLanes.Create(ProbabilityUnits[r]);
            for (int n = 0; n < count; n += TLanes.Count)
                TLanes.MultiplyAdd(Joined(r, n, ProbabilitySums), unit, TLanes.Load(sums + n)).Store(sums + n);
        }
    }

    // The products of a row's two rows of codes in units of the first; each key and value was stored with 128 added.
    readonly TLanes Joined(int row, int column, int* codeSums)
    {
        int* products = (int*)((byte*)Products + 2 * row * ScoreStride) + column;
        return TLanes.MultiplyAdd(
            TLanes.LoadInt32(products + ScoreStride / sizeof(int), 128 * codeSums[2 * row + 1]), TLanes.Create(1 / Rows<TLanes>.FineUnits),
            TLanes.LoadInt32(products, 128 * codeSums[2 * row]));
    }

    /// <summary>Multiplies each row of scores, or of what they became, by the scales of a block's positions.</summary>
    readonly void Scale(nint scales, int count)
    {
        for (int r = 0; r < Rows; r++)
        {
            var row = new Span<float>((byte*)_scores + r * ScoreStride, count);
            TensorPrimitives.Multiply(row, new ReadOnlySpan<float>(Panels + scales, count), row);
        }
    }

    /// <summary>Writes a row as a pair, its unit and both sums.</summary>
    static void Split(float* values, int count, Int8Pair pair, float* unit, int* sums)
    {
        *unit = Rows<TLanes>.Largest(values, count) / 127;
        sums[0] = sums[1] = 0;
        Rows<TLanes>.ToInt8Pair(values, count, *unit == 0 ? 0 : 1 / *unit, pair, sums);
    }
}
