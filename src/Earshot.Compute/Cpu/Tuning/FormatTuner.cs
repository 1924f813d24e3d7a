using System.Diagnostics;
using System.Runtime.InteropServices;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Cpu;

/// <summary>The times of a kind of matrix, by format: seconds of all products of a round, medians.</summary>
public sealed record TuningResult(
    MatrixKind Kind, WeightFormat Table, WeightFormat Fastest, IReadOnlyDictionary<WeightFormat, double> Seconds);

/// <summary>
/// Measures in which format a kind of matrix is multiplied fastest here, among those that are no less exact than what is saved but for the
/// formats' own known rounding. Formats take turns; another than the table's has to be faster by a margin.
/// </summary>
public sealed class FormatTuner
{
    const int Rounds = 9, ManyRows = 1500;

    /// <summary>
    /// What a format must take of the table's time to be taken in its place, as the median of the rounds' ratios: less is noise. And it
    /// must have been the faster in all rounds but so many.
    /// </summary>
    const double Margin = 0.95;
    const int LostRounds = 1;

    // Decoding meets each layer's weights cold: as many copies as most caches cannot hold.
    const long ColdBytes = 96 << 20;
    const int MostCopies = 96;

    // A step alone, and one of as many beams as are usual.
    static readonly int[] s_fewRows = [1, 5];

    readonly CpuOptions _options;

    /// <param name="options">The instructions and threads to measure with; formats in them are not asked for.</param>
    public FormatTuner(CpuOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
    }

    /// <summary>What a kind of matrix may be computed in: as it is saved, and wider.</summary>
    public static IReadOnlyList<WeightFormat> Choices(MatrixKind kind)
    {
        WeightFormat[] plain = [WeightFormat.F32, WeightFormat.BF16];
        return kind.Saved is null ? plain : CpuDevice.Formats.Contains(kind.Saved) ? [kind.Saved, .. plain] : [];
    }

    /// <summary>Measures each kind; takes some seconds for a model.</summary>
    public IReadOnlyList<TuningResult> Run(
        IReadOnlyCollection<MatrixKind> kinds, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(kinds);
        using var pool = new WorkerPool(_options.Threads ?? ProcessorCores.Count, KernelSet.For(_options.InstructionSet), _options.Caches);
        var results = new List<TuningResult>();
        foreach (var kind in kinds)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Choices(kind) is { Count: > 0 } choices) results.Add(Measure(pool, kind, choices, cancellationToken));
            progress?.Report((double)results.Count / kinds.Count);
        }
        return results;
    }

    TuningResult Measure(WorkerPool pool, MatrixKind kind, IReadOnlyList<WeightFormat> choices, CancellationToken cancellationToken)
    {
        var table = kind.Saved ?? CpuDevice.PreferredWeights(_options.InstructionSet);
        bool many = kind.Use == WeightUse.ManyRows;
        int copies = many ? 1 : (int)Math.Clamp(ColdBytes / (kind.Outputs * (long)kind.Inputs * sizeof(float)), 2, MostCopies);
        var matrices = new Dictionary<WeightFormat, PackedMatrix[]>();
        using var rows = new ProductRows(many ? ManyRows : s_fewRows[^1], kind);
        try
        {
            var source = new NoiseSource(kind.Outputs, kind.Inputs);
            foreach (var format in choices)
                matrices[format] = [.. Enumerable.Range(0, copies).Select(_ => PackedMatrix.Pack(source, format, pool))];
            var times = choices.ToDictionary(format => format, _ => new List<double>());
            for (int round = -1; round < Rounds; round++)
            {
                foreach (var format in choices)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    double seconds = (many ? [ManyRows] : s_fewRows).Sum(count => rows.Seconds(pool, matrices[format], count, many));
                    if (round >= 0) times[format].Add(seconds);
                }
            }
            return Result(kind, table, times);
        }
        finally
        {
            foreach (var matrix in matrices.Values.SelectMany(all => all)) matrix.Dispose();
        }
    }

    /// <summary>The fastest of those that are faster than the table's by more than noise, else the table's.</summary>
    internal static TuningResult Result(MatrixKind kind, WeightFormat table, IReadOnlyDictionary<WeightFormat, List<double>> times)
    {
        var fastest = table;
        if (times.TryGetValue(table, out var expected))
        {
            double best = Margin;
            foreach (var (format, own) in times)
            {
                var ratios = own.Zip(expected, (time, other) => time / other).Order().ToList();
                if (format == table || ratios[ratios.Count / 2] >= best || ratios.Count(ratio => ratio >= 1) > LostRounds) continue;
                (fastest, best) = (format, ratios[ratios.Count / 2]);
            }
        }
        return new TuningResult(
            kind, table, fastest, times.ToDictionary(pair => pair.Key, pair => pair.Value.Order().ElementAt(pair.Value.Count / 2)));
    }

    /// <summary>Rows that meet the matrices, and where their products go.</summary>
    sealed unsafe class ProductRows : IDisposable
    {
        readonly float* _x, _y;
        readonly MatrixKind _kind;

        public ProductRows(int most, MatrixKind kind)
        {
            _kind = kind;
            _x = (float*)LargePages.Allocate((long)most * kind.Inputs * sizeof(float));
            _y = (float*)LargePages.Allocate((long)most * kind.Outputs * sizeof(float));
            NoiseSource.Fill(new Span<float>(_x, checked(most * kind.Inputs)), 1);
        }

        public double Seconds(WorkerPool pool, PackedMatrix[] matrices, int rows, bool many)
        {
            long started = Stopwatch.GetTimestamp();
            foreach (var matrix in matrices)
            {
                MatrixProduct.Run(pool, new LinearCall
                {
                    X = _x,
                    XStride = _kind.Inputs,
                    Rows = rows,
                    Precision = many ? RowPrecision.Sequence : RowPrecision.Step,
                    Weights = matrix,
                    Y = _y,
                    YStride = _kind.Outputs,
                });
            }
            return Stopwatch.GetElapsedTime(started).TotalSeconds;
        }

        public void Dispose()
        {
            NativeMemory.AlignedFree(_x);
            NativeMemory.AlignedFree(_y);
        }
    }

    /// <summary>Any values: speed does not depend on them.</summary>
    sealed class NoiseSource(int rows, int columns) : MatrixSource
    {
        public override int Rows => rows;

        public override int Columns => columns;

        public override void ReadRow(int row, Span<float> destination) => Fill(destination, (uint)row + 1);

        // The numbers of a linear congruential generator, as Numerical Recipes has it.
        public static void Fill(Span<float> values, uint seed)
        {
            uint state = seed * 2654435761u;
            for (int i = 0; i < values.Length; i++)
            {
                state = state * 1664525 + 1013904223;
                values[i] = (state >> 8) * (1f / (1 << 24)) - 0.5f;
            }
        }
    }
}
