using System.Diagnostics;
using System.Globalization;
using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;

namespace Earshot.Bench;

/// <summary>
/// How far work scales to threads that this machine does not have. Each piece of work is cut as for so many threads and done by one, so
/// that its parts and its time are known; what threads would make of it follows: parts are handed out one by one, pieces wait for each
/// other, and what lies between them is nobody's to share. Memory and caches that cores share are not in the model.
/// </summary>
internal static class ScalingBench
{
    const int Rounds = 15;

    // Fast cores and slow ones at half their speed: laptops of Intel's 12th generation, and telephones.
    static readonly (string Name, double[] Speeds)[] s_machines =
    [
        ("2", Cores(2)), ("4", Cores(4)), ("8", Cores(8)), ("16", Cores(16)), ("64", Cores(64)),
        ("4 fast + 8 slow", [.. Cores(4), .. Cores(8, 0.5)]), ("2 fast + 6 slow", [.. Cores(2), .. Cores(6, 0.5)]),
    ];

    public static async Task RunAsync(string shape, WeightFormat format)
    {
        double barrier = Barrier();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{shape}, {format}; a barrier of two threads {barrier * 1e6:0.0} µs"));
        var threads = s_machines.Select(machine => machine.Speeds.Length).Append(1).Distinct().ToList();
        var cuts = new List<Cut>();
        foreach (int count in threads) cuts.Add(await Cut.OpenAsync(shape, format, count));
        for (int round = 0; round < Rounds; round++)
        {
            foreach (var cut in cuts) await cut.RunAsync();
        }
        var alone = cuts.First(cut => cut.Threads == 1);
        foreach (var (what, of) in ((string, Func<Cut, Work>)[])[("window", cut => cut.Window), ("token", cut => cut.Token)])
        {
            Console.WriteLine($"| cores, {what} | work | pieces | least parts | median | speed-up | of the cores |");
            double one = of(alone).Seconds;
            foreach (var (name, speeds) in s_machines)
            {
                var work = of(cuts.First(cut => cut.Threads == speeds.Length));
                double own = one / Time(work, speeds, barrier);
                var parts = work.Parts.Order().ToList();
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {name} | {work.Seconds / one:0.00} | {parts.Count} | {parts[0]} | {parts[parts.Count / 2]} | {own:0.0} | " +
                    $"{100 * own / speeds.Sum():0} % |"));
            }
        }
        foreach (var cut in cuts) cut.Dispose();
    }

    /// <summary>What all cores together take, each getting the next part when it is done with one.</summary>
    static double Time(Work work, double[] speeds, double barrier)
    {
        double total = work.Between;
        var free = new double[speeds.Length];
        foreach (var (parts, seconds) in work.Parts.Zip(work.Times))
        {
            Array.Clear(free);
            for (int part = 0; part < parts; part++)
            {
                int next = 0;
                for (int core = 1; core < free.Length; core++) if (free[core] < free[next]) next = core;
                free[next] += seconds / parts / speeds[next];
            }
            total += free.Max() + (parts > 1 && speeds.Length > 1 ? barrier : 0);
        }
        return total;
    }

    // Parts of ten microseconds: what two threads take longer than one of them.
    static double Barrier()
    {
        const int times = 2001;
        using var pool = new WorkerPool(2, KernelSet.For((InstructionSet?)null));
        var taken = new List<double>();
        for (int i = 0; i < times; i++)
        {
            long started = Stopwatch.GetTimestamp();
            pool.Run(default(TenMicroseconds), 2);
            taken.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
        }
        // Where neighbours leave the second thread no core, the first does both parts.
        return taken.Order().ElementAt(times / 10) - 10e-6;
    }

    static double[] Cores(int count, double speed = 1) => [.. Enumerable.Repeat(speed, count)];

    /// <summary>A model whose work is cut for so many threads, and what its pieces took at least.</summary>
    sealed class Cut : IDisposable
    {
        const int Past = 64;

        readonly RandomRuntime _model;
        readonly Generation _generation;
        readonly float[] _logits;
        readonly int[] _token = [300];

        Cut(RandomRuntime model, Generation generation) =>
            (_model, _generation, _logits) = (model, generation, new float[model.VocabSize]);

        public int Threads => _model.Runtime.Device.Threads;

        public Work Window { get; } = new();

        public Work Token { get; } = new();

        public static async Task<Cut> OpenAsync(string shape, WeightFormat format, int threads)
        {
            var options = new CpuOptions { Weights = format, Threads = threads };
            var model = new RandomRuntime(shape, options, new RuntimeLimits { Windows = 2, Rows = 1 });
            var cut = new Cut(model, await model.BeginAsync());
            await cut._generation.PromptAsync(Enumerable.Range(100, Past).ToArray(), ReadOnlyMemory<int>.Empty, cut._logits);
            // Weights are packed on the way.
            await cut._generation.StepAsync(cut._token, cut._logits);
            return cut;
        }

        public async ValueTask RunAsync()
        {
            await ObserveAsync(Window, async () => (await _model.EncodeAsync()).Dispose());
            await ObserveAsync(Token, () =>
            {
                _generation.Truncate(Past);
                return _generation.StepAsync(_token, _logits);
            });
        }

        public void Dispose()
        {
            _generation.Dispose();
            _model.Dispose();
        }

        async ValueTask ObserveAsync(Work work, Func<ValueTask> run)
        {
            var workers = _model.Runtime.Device.Workers;
            var pieces = new List<(int Parts, double Seconds)>();
            workers.Observer = (parts, time) => pieces.Add((parts, time.TotalSeconds));
            long started = Stopwatch.GetTimestamp();
            await run();
            double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            workers.Observer = null;
            work.Add(pieces, seconds - pieces.Sum(piece => piece.Seconds));
        }
    }

    /// <summary>Pieces in their order; of each the least time of all rounds, since neighbours only make it longer.</summary>
    sealed class Work
    {
        public List<int> Parts { get; } = [];

        public List<double> Times { get; } = [];

        public double Between { get; private set; } = double.MaxValue;

        public double Seconds => Between + Times.Sum();

        public void Add(List<(int Parts, double Seconds)> pieces, double between)
        {
            Between = Math.Min(Between, between);
            if (Parts.Count == 0)
            {
                Parts.AddRange(pieces.Select(piece => piece.Parts));
                Times.AddRange(pieces.Select(piece => piece.Seconds));
            }
            for (int i = 0; i < Times.Count; i++) Times[i] = Math.Min(Times[i], pieces[i].Seconds);
        }
    }

    struct TenMicroseconds : IParallelWork
    {
        public readonly void Execute(int part)
        {
            long until = Stopwatch.GetTimestamp() + Stopwatch.Frequency / 100_000;
            while (Stopwatch.GetTimestamp() < until) Thread.SpinWait(1);
        }
    }
}
