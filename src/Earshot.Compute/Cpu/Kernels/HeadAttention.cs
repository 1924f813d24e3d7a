using System.Numerics.Tensors;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// softmax(q·kᵀ/√size)·v of one head for some rows of queries, in one pass over the positions: each block of positions gives
/// scores that stay in cache, the running maximum and sum of each row are corrected as larger scores come (online softmax,
/// as in FlashAttention), and no matrix of all scores exists. A row's bits do not depend on the other rows.
/// </summary>
internal unsafe partial struct HeadAttention<TLanes> where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Rows that are done together at most, with any kernel.</summary>
    const int MaxRows = 64;

    /// <summary>The same with kernels of no more rows than have their scores in a first-level cache.</summary>
    const int VectorRows = 28;

    const int Width = PackedMatrix.PanelWidth;
    const int BlockPositions = HeadLayout.BlockPositions;
    const float Log2E = 1.44269504f;

    // 64 bytes more than a power of two, so that rows do not share the cache's sets.
    const int ScoreStride = BlockPositions * sizeof(float) + 64;

    public HeadLayout Layout;

    /// <summary>The packed keys, and the values behind them.</summary>
    public byte* Panels;
    public int Positions;
    public float* Queries;
    public nint QueryStride;
    public float* Output;
    public nint OutputStride;
    public int Rows;

    /// <summary>What rows see; everything by default.</summary>
    public KeySpan Span;

    /// <summary>The position of the first row.</summary>
    public int FirstPosition;

    /// <summary>
    /// What is added to the scores, (rows, positions), each row <see cref="BiasStride"/> behind the one before; null: nothing.
    /// </summary>
    public float* Bias;
    public nint BiasStride;

    byte* _queries;
    nint _queryStride;
    float* _scores;
    byte* _probabilities;
    float* _sums;
    float* _largest;
    float* _totals;
    float* _former;
    int _tileRows;

    // Over int8: codes of two rows for each row, then units and sums of queries and probabilities, then int32 sums.
    byte* _int8;

    /// <summary>Rows that are done together at most: whole strips of the kernel.</summary>
    public static int RowsAtOnce(MicroKernel kernel) =>
        (kernel.MaxRows <= VectorRows ? VectorRows : MaxRows) / kernel.MaxRows * kernel.MaxRows;

    readonly MicroKernel Kernel => Layout.Kernel;

    readonly MicroKernel KeyKernel => Layout.KeyKernel;

    /// <summary>Whether keys alone are multiplied as whole numbers, by queries of one row of codes.</summary>
    readonly bool CodesKeys => KeyKernel.SumsIntegers && Kernel.RowType != PanelType.Int8;

    readonly int PaddedSize => (Layout.Size + Width - 1) / Width * Width;

    /// <summary>Whether probabilities become bfloat16, apart from the scores.</summary>
    readonly bool Rounds => Kernel.RowType == PanelType.BF16;

    readonly int ProbabilityStride => !Rounds ? ScoreStride : BlockPositions * sizeof(ushort) + 64;

    public void Run()
    {
        Place();
        // The softmax takes powers of two.
        PrepareQueries(Log2E);
        new Span<float>(_largest, Rows).Fill(SoftmaxArguments.Nothing);
        new Span<float>(_totals, Rows).Clear();
        new Span<float>(_sums, Rows * PaddedSize).Clear();
        // Both ends move on with the rows: what the first does not see before, none does, and what the last does not see behind.
        int end = Span.IsLimited ? Span.To(FirstPosition + Rows - 1) : Positions;
        int start = Span.IsLimited ? Span.From(FirstPosition) / Width * Width : 0;
        for (int first = start, count; first < end; first += count)
        {
            count = Math.Min(BlockPositions - first % BlockPositions, end - first);
            Score(first, count);
            if (Bias != null) AddBias(first, count);
            if (Kernel.Softmax is { } softmax) Normalize(MeasuresInSoftmax(count) ? Kernel.IntegerSoftmax! : softmax, first, count);
            else for (int r = 0; r < Rows; r++) Normalize(r, first, count);
            AddValues(first, count);
        }
        ReleaseTiles();
        Store();
    }

    /// <summary>The probabilities themselves, (rows, positions), in place of the output.</summary>
    public void RunWeights()
    {
        Place();
        PrepareQueries(1);
        for (int first = 0; first < Positions; first += BlockPositions)
        {
            int count = Math.Min(BlockPositions, Positions - first);
            Score(first, count);
            for (int r = 0; r < Rows; r++)
            {
                new Span<float>((byte*)_scores + r * ScoreStride, count).CopyTo(new Span<float>(Output + r * OutputStride + first, count));
            }
        }
        ReleaseTiles();
        for (int r = 0; r < Rows; r++)
        {
            float* row = Output + r * OutputStride;
            float total = Softmax<TLanes>.Exponentials(row, Positions, Softmax<TLanes>.Largest(row, Positions));
            Softmax<TLanes>.Scale(row, Positions, 1 / total);
        }
    }

    void Place()
    {
        _queryStride = ((nint)Layout.KeySteps * KeyKernel.StepInputs * KeyKernel.RowInputBytes + 63) & ~63;
        if (_queryStride % 512 == 0) _queryStride += 64;
        nint queries = MaxRows * _queryStride, scores = MaxRows * ScoreStride, sums = (nint)MaxRows * PaddedSize * sizeof(float);
        byte* scratch = Scratch.ForPart(
            queries + 2 * scores + sums + 3 * MaxRows * sizeof(float) + PaddedSize * sizeof(float) + 64 + Int8Bytes);
        _queries = scratch;
        _scores = (float*)(scratch + queries);
        _probabilities = !Rounds ? (byte*)_scores : scratch + queries + scores;
        _sums = (float*)(scratch + queries + 2 * scores);
        _largest = _sums + MaxRows * PaddedSize;
        _totals = _largest + MaxRows;
        _former = _totals + MaxRows;
        _int8 = (byte*)(_former + MaxRows + PaddedSize + 16);
    }

    readonly void PrepareQueries(float unit)
    {
        float scale = unit / MathF.Sqrt(Layout.Size);
        float* scaled = _former + MaxRows;
        int padded = Layout.KeySteps * KeyKernel.StepInputs;
        for (int r = 0; r < Math.Min(HeadRows.Ahead, Rows); r++) Rows<TLanes>.Prefetch(Queries + r * QueryStride, Layout.Size);
        for (int r = 0; r < Rows; r++)
        {
            float* query = Queries + r * QueryStride;
            if (r + HeadRows.Ahead < Rows) Rows<TLanes>.Prefetch(query + HeadRows.Ahead * QueryStride, Layout.Size);
            if (CodesKeys)
            {
                CodeQuery(r, query, scale);
                continue;
            }
            new Span<float>(query, Layout.Size).CopyTo(new Span<float>(scaled, Layout.Size));
            Softmax<TLanes>.Scale(scaled, Layout.Size, scale);
            byte* destination = _queries + r * _queryStride;
            if (Kernel.RowType == PanelType.Int8) SplitQuery(r, scaled);
            else if (Kernel.RowType == PanelType.F32) Rows<TLanes>.ToF32(scaled, Layout.Size, (float*)destination, padded);
            else Rows<TLanes>.ToBF16(scaled, Layout.Size, (ushort*)destination, padded);
        }
    }

    void Score(int first, int count)
    {
        // Int8 queries are pairs of rows, whose products are joined afterwards.
        bool pairs = Kernel.RowType == PanelType.Int8;
        float* sums = pairs ? Products : _scores;
        var arguments =
            new MicroArguments { RowStride = _queryStride, Steps = Layout.KeySteps, SumStride = ScoreStride, TileRows = _tileRows };
        for (int position = 0; position < count; position += Width)
        {
            arguments.Rows = _queries;
            arguments.Panel = Panels + Layout.Keys(first + position);
            arguments.Sums = sums + position;
            KeyKernel.RunStrips(&arguments, pairs ? 2 * Rows : Rows);
        }
        _tileRows = arguments.TileRows;
        if (pairs) JoinScores(first, count);
        else if (CodesKeys && !MeasuresInSoftmax(count)) MeasureScores(first, count);
        else if (Layout.Type == PanelType.Int8) Scale(Layout.KeyScales(first), count);
    }

    // In the unit that the scores are in.
    readonly void AddBias(int first, int count)
    {
        for (int r = 0; r < Rows; r++)
        {
            var scores = new Span<float>((byte*)_scores + r * ScoreStride, count);
            TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(Bias + r * BiasStride + first, count), Log2E, scores, scores);
        }
    }

    /// <summary>The positions of a block that a row sees, counted from the block's first: none where both ends are the same.</summary>
    readonly (int From, int To) Seen(int row, int first, int count)
    {
        if (!Span.IsLimited) return (0, count);
        int from = Math.Clamp(Span.From(FirstPosition + row) - first, 0, count);
        return (from, Math.Clamp(Span.To(FirstPosition + row) - first, from, count));
    }

    /// <summary>
    /// The same for all rows with emitted code. Rows that see nothing of the block are left out: even a correction that should be one
    /// would leave them other bits than rows whose company ends earlier.
    /// </summary>
    readonly void Normalize(SoftmaxKernel softmax, int first, int count)
    {
        // Both ends move on with the rows, so that those that see something are side by side.
        int begin = Rows, behind = 0;
        for (int r = 0; r < Rows; r++)
        {
            var (from, to) = Seen(r, first, count);
            if (from == to)
            {
                new Span<byte>(_probabilities + r * ProbabilityStride, BlockPositions * (Rounds ? sizeof(ushort) : sizeof(float))).Clear();
                continue;
            }
            begin = Math.Min(begin, r);
            behind = r + 1;
            var scores = new Span<float>((byte*)_scores + r * ScoreStride, BlockPositions);
            if (to < BlockPositions) scores[to..].Fill(SoftmaxArguments.Nothing);
            if (from > 0) scores[..from].Fill(SoftmaxArguments.Nothing);
        }
        if (begin >= behind) return;
        var arguments = new SoftmaxArguments
        {
            Scores = (float*)((byte*)_scores + begin * ScoreStride),
            ScoreStride = ScoreStride,
            Output = _probabilities + begin * ProbabilityStride,
            OutputStride = ProbabilityStride,
            Rows = behind - begin,
            Largest = _largest + begin,
            Totals = _totals + begin,
            Sums = _sums + begin * PaddedSize,
            SumVectors = PaddedSize * sizeof(float) / 64,
            Former = _former,
            Units = QueryUnits + begin,
            Offsets = QuerySums + begin,
            Scales = (float*)(Panels + Layout.KeyScales(first)),
        };
        softmax.Run(&arguments);
    }

    /// <summary>A row's scores of one block → 2^(score − largest so far); what is summed so far is brought to the new largest.</summary>
    readonly void Normalize(int row, int first, int count)
    {
        float* scores = (float*)((byte*)_scores + row * ScoreStride);
        var (from, to) = Seen(row, first, count);
        int padded = Kernel.StepsFor(count) * Kernel.StepInputs;
        if (to > from)
        {
            float before = _largest[row], largest = MathF.Max(before, Softmax<TLanes>.Largest(scores + from, to - from));
            float total = Softmax<TLanes>.PowersOfTwo(scores + from, to - from, largest);
            if (largest != before)
            {
                float correction = float.Exp2(before - largest);
                _totals[row] *= correction;
                Softmax<TLanes>.Scale(_sums + row * PaddedSize, PaddedSize, correction);
                _largest[row] = largest;
            }
            _totals[row] += total;
        }
        new Span<float>(scores, from).Clear();
        if (!Rounds) new Span<float>(scores + to, padded - to).Clear();
        else Rows<TLanes>.ToBF16(scores, to, (ushort*)(_probabilities + row * ProbabilityStride), padded);
    }

    void AddValues(int first, int count)
    {
        if (Layout.Type == PanelType.Int8) Scale(Layout.ValueScales(first), Kernel.StepsFor(count) * Kernel.StepInputs);
        if (Kernel.RowType == PanelType.Int8)
        {
            AddInt8Values(first, count);
            return;
        }
        MicroArguments arguments;
        arguments.RowStride = ProbabilityStride;
        arguments.Steps = Kernel.StepsFor(count);
        arguments.SumStride = PaddedSize * sizeof(float);
        arguments.Accumulate = 1;
        arguments.TileRows = _tileRows;
        for (int column = 0; column < PaddedSize; column += Width)
        {
            arguments.Rows = _probabilities;
            arguments.Panel = Panels + Layout.Values(first, column);
            arguments.Sums = _sums + column;
            Kernel.RunStrips(&arguments, Rows);
        }
        _tileRows = arguments.TileRows;
    }

    readonly void ReleaseTiles()
    {
        MicroArguments arguments;
        arguments.TileRows = _tileRows;
        Kernel.Release(&arguments);
    }

    readonly void Store()
    {
        for (int r = 0; r < Rows; r++)
        {
            float* sums = _sums + r * PaddedSize;
            if (Span.IsLimited && Span.From(FirstPosition + r) >= Span.To(FirstPosition + r))
            {
                new Span<float>(Output + r * OutputStride, Layout.Size).Clear();
                continue;
            }
            Softmax<TLanes>.Scale(sums, PaddedSize, 1 / _totals[r]);
            new Span<float>(sums, Layout.Size).CopyTo(new Span<float>(Output + r * OutputStride, Layout.Size));
        }
    }
}
