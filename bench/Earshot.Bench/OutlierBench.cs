using System.Globalization;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;

namespace Earshot.Bench;

/// <summary>
/// By which measure of a weight matrix alone the columns to keep beside int8 are best told: for each, the squared error that the codes of
/// the other columns still have, in percent of plain int8's, which is the squared error of the output for inputs of equal variance.
/// </summary>
internal static class OutlierBench
{
    static readonly (string Name, Func<Columns, int, double> Measure)[] s_measures =
    [
        ("root mean square", (columns, i) => Math.Sqrt(columns.Squares[i])),
        ("largest magnitude", (columns, i) => columns.Largest[i]),
        ("mean magnitude", (columns, i) => columns.Magnitudes[i]),
        ("rows it is the largest of", (columns, i) => columns.Leads[i]),
        ("kurtosis", (columns, i) =>
            columns.Squares[i] == 0 ? 0 : columns.Fourths[i] * columns.Rows / (columns.Squares[i] * columns.Squares[i])),
    ];

    /// <summary>Prints a line for each measure over random matrices of some kinds, and what products with kept columns cost.</summary>
    public static void Run()
    {
        foreach (int rows in (int[])[1, 1500]) Time(rows);
        foreach (var kind in (string[])["normal", "heavy", "scaled columns", "planted", "spikes"])
        {
            Print(kind, Enumerable.Range(0, 8).Select(seed => (Rows: 512, Width: 512, Values: RandomMatrix(kind, 512, 512, seed))));
        }
    }

    /// <summary>
    /// Prints a line for each measure over the encoder's and decoder's matrices of a model, and how many columns thresholds find.
    /// </summary>
    public static void Run(string model)
    {
        using var weights = new ModelFolder(model).OpenWeights();
        var names = weights.Names.Where(name => name.EndsWith("weight", StringComparison.Ordinal)
            && weights.Find(name)!.Shape is { Rank: 2 } shape && shape[0] <= 4 * shape[1]).Order(StringComparer.Ordinal).ToList();
        Print(Path.GetFileName(model), names.Select(name => weights.Find(name)!)
            .Select((tensor, i) => (tensor.Shape[0], tensor.Shape[1], Unrounded(tensor, i))));
        foreach (double threshold in (double[])[2, 3, 4, 6])
        {
            var found = names.Select(name => (Name: name, Columns: OutlierColumns.Find(
                weights.Find(name)!.Shape[0], weights.Find(name)!.Shape[1], Reader(weights.Find(name)!), threshold)?.Count ?? 0)).ToList();
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  threshold {threshold}: {found.Sum(each => each.Columns)} columns in {found.Count(each => each.Columns > 0)} of " +
                $"{found.Count} matrices; most in {found.MaxBy(each => each.Columns).Name} ({found.Max(each => each.Columns)})"));
        }
    }

    // Values that are multiples of a row's step already would be rounded for nothing: what rounding took is put back by chance.
    static float[] Unrounded(StoredTensor tensor, int seed)
    {
        var values = tensor.ToFloats();
        if (tensor is not IQuantizedRows) return values;
        var random = new Random(seed);
        int width = tensor.Shape[1];
        for (int first = 0; first < values.Length; first += width)
        {
            var row = values.AsSpan(first, width);
            float step = System.Numerics.Tensors.TensorPrimitives.MaxMagnitude<float>(row);
            step = MathF.Abs(step) / 127;
            foreach (ref float value in row) value += (random.NextSingle() - 0.5f) * step;
        }
        return values;
    }

    // Products of 512 × 2,048 in int8, without columns that are kept and with some, one after the other in each round.
    static unsafe void Time(int rows)
    {
        const int inputs = 512, outputs = 2048, rounds = 31;
        using var device = new CpuDevice();
        var matrices = ((int[])[0, 1, 4, 16]).Select(kept =>
        {
            var values = RandomMatrix("normal", outputs, inputs, 1);
            for (int i = 0; i < values.Length; i++) values[i] *= i % inputs < kept ? 20 : 1;
            return PackedMatrix.Pack(
                new LinearSource(new MemoryMatrix(values, outputs, inputs)), WeightFormat.Int8Outliers, device.Workers);
        }).ToArray();
        float[] x = GC.AllocateArray<float>(rows * inputs, pinned: true), y = GC.AllocateArray<float>(rows * outputs, pinned: true);
        x.AsSpan().Fill(0.5f);
        var times = matrices.Select(_ => new List<double>()).ToArray();
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < matrices.Length; i++)
            {
                var watch = System.Diagnostics.Stopwatch.StartNew();
                fixed (float* from = x, to = y)
                {
                    for (int again = 0; again < (rows == 1 ? 100 : 1); again++)
                        MatrixProduct.Run(
                            device.Workers,
                            new LinearCall { X = from, XStride = inputs, Rows = rows, Weights = matrices[i], Y = to, YStride = outputs });
                }
                times[i].Add(watch.Elapsed.TotalMicroseconds / (rows == 1 ? 100 : 1));
            }
        }
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{rows} rows × {inputs} × {outputs}, {device.InstructionSet}: int8 {times[0].Min():F1} µs; ")
            + string.Join("; ", matrices.Skip(1).Zip(times.Skip(1), (matrix, taken) => string.Create(
                CultureInfo.InvariantCulture, $"{matrix.Outliers!.Count} kept × {taken.Min() / times[0].Min():F2}"))));
        foreach (var matrix in matrices) matrix.Dispose();
    }

    static OutlierColumns.ReadRow Reader(StoredTensor tensor) => (row, values) => tensor.ReadFloats((long)row * tensor.Shape[1], values);

    static void Print(string kind, IEnumerable<(int Rows, int Width, float[] Values)> matrices)
    {
        var all = matrices.ToList();
        foreach (var (name, measure) in s_measures)
        {
            var line = $"{kind,-16} {name,-26}";
            foreach (int kept in (int[])[1, 4, 16])
            {
                double before = 0, after = 0;
                foreach (var (rows, width, values) in all)
                {
                    var columns = new Columns(values, rows, width);
                    var chosen = Enumerable.Range(0, width).OrderByDescending(i => measure(columns, i)).Take(kept).ToHashSet();
                    before += Error(values, rows, width, []);
                    after += Error(values, rows, width, chosen);
                }
                line += string.Create(CultureInfo.InvariantCulture, $"  {kept} kept {100 * after / before,6:F1} %");
            }
            Console.WriteLine(line);
        }
    }

    static double Error(float[] values, int rows, int width, HashSet<int> kept)
    {
        var codes = new sbyte[width];
        var row = new float[width];
        double sum = 0;
        for (int r = 0; r < rows; r++)
        {
            values.AsSpan(r * width, width).CopyTo(row);
            foreach (int column in kept) row[column] = 0;
            float scale = Int8.Quantize(row, codes);
            for (int i = 0; i < width; i++) sum += (double)(row[i] - codes[i] * scale) * (row[i] - codes[i] * scale);
        }
        return sum;
    }

    static float[] RandomMatrix(string kind, int rows, int width, int seed)
    {
        var random = new Random(seed);
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        double[] sizes = [.. Enumerable.Range(0, width)
            .Select(i => kind switch { "scaled columns" => Math.Exp(0.7 * Normal()), "planted" => i % 128 == 3 ? 10 : 1, _ => 1 })];
        var values = new float[rows * width];
        for (int i = 0; i < values.Length; i++)
        {
            // "heavy": Student's distribution with three degrees of freedom.
            double value = kind == "heavy"
                ? Normal() / Math.Sqrt((Math.Pow(Normal(), 2) + Math.Pow(Normal(), 2) + Math.Pow(Normal(), 2)) / 3)
                : Normal();
            if (kind == "spikes" && random.Next(2000) == 0) value *= 10;
            values[i] = (float)(value * sizes[i % width]);
        }
        return values;
    }

    sealed class MemoryMatrix(float[] values, int rows, int columns) : StoredTensor("w", DType.F32, new Shape(rows, columns))
    {
        public override void Read(long offset, Span<byte> destination) =>
            System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values).Slice((int)offset, destination.Length).CopyTo(destination);
    }

    /// <summary>What a matrix's columns are measured by.</summary>
    sealed class Columns
    {
        public Columns(float[] values, int rows, int width)
        {
            Rows = rows;
            (Squares, Fourths, Largest, Magnitudes, Leads) =
                (new double[width], new double[width], new double[width], new double[width], new double[width]);
            for (int r = 0; r < rows; r++)
            {
                int leading = 0;
                for (int i = 0; i < width; i++)
                {
                    double value = Math.Abs(values[r * width + i]);
                    Squares[i] += value * value;
                    Fourths[i] += Math.Pow(value, 4);
                    Magnitudes[i] += value;
                    Largest[i] = Math.Max(Largest[i], value);
                    if (value > Math.Abs(values[r * width + leading])) leading = i;
                }
                Leads[leading] += Math.Pow(values[r * width + leading], 2);
            }
        }

        public int Rows { get; }

        public double[] Squares { get; }

        public double[] Fourths { get; }

        public double[] Largest { get; }

        public double[] Magnitudes { get; }

        /// <summary>Squares of the rows whose largest the column has: what the rows' ranges come from.</summary>
        public double[] Leads { get; }
    }
}
