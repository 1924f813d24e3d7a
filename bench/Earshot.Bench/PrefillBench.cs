using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Cpu;

namespace Earshot.Bench;

/// <summary>
/// A decoder-only model of random weights (grouped heads of 128, a gated feed-forward) in plain calls of the backend: how near a
/// long prompt, in chunks over pages, comes to the machine's peak, beside an encoder's products of the same widths in the same run,
/// and what its cache takes.
/// On one thread the processor's time is measured, which others' work on the machine hardly changes, else the time that passes.
/// </summary>
internal sealed class PrefillBench : IDisposable
{
    const int HeadSize = 128;
    const int QueriesPerKey = 4;
    const int EncoderRows = 1500;

    readonly int _width;
    readonly int _hidden;
    readonly int _layers;
    readonly Heads _heads;
    readonly CpuDevice _device;
    readonly CpuBackend _backend;
    readonly Scope _weights;
    readonly PageTable _pages;
    readonly KeyValueCache[] _caches;
    readonly BatchLayout _layout = new();

    PrefillBench(int layers, int width, int prompt, CpuOptions options)
    {
        _layers = layers;
        _width = width;
        _hidden = width * 11 / 4;
        _heads = new Heads(width / HeadSize, Math.Max(1, width / HeadSize / QueriesPerKey), Causal: true);
        _device = new CpuDevice(options);
        _backend = new CpuBackend(_device);
        _weights = new Scope(MakeStore());
        _pages = new PageTable(2 * PageTable.PagesFor(prompt));
        _caches = [.. Enumerable.Range(0, layers).Select(_ => _backend.CreateCache(_pages, _heads.KeyValue * HeadSize, _heads))];
    }

    public static void Run(int layers, int width, int prompt, CpuOptions options)
    {
        const int rounds = 3;
        var format = options.Weights;
        using var bench = new PrefillBench(layers, width, prompt, options);
        double peak = new MachinePeaks(options).Gigaflops(format);
        bench.Prefill(Math.Min(prompt, BatchLayout.ChunkPositions)); // packs the weights
        var prefill = new List<double>();
        var encoder = new List<double>();
        for (int round = 0; round < rounds; round++)
        {
            // Before and behind, since a machine's clock changes within a round.
            double before = bench.Encode();
            prefill.Add(bench.Prefill(prompt));
            encoder.Add(Math.Sqrt(before * bench.Encode()));
        }
        double ratio = prefill.Zip(encoder, (mine, theirs) => mine / theirs).Median();
        long needed = bench.NeededBytes(prompt), held = bench._caches.Sum(cache => cache.Bytes);
        var heads = bench._heads;
        Print($"{layers} layers × {width}, {heads.Query} query and {heads.KeyValue} key heads, {format}, {bench._device.Threads} threads");
        Print($"peak: {peak:F0} GFLOP/s");
        double own = prefill.Median(), reference = encoder.Median();
        Print($"prompt of {prompt} in chunks of {BatchLayout.ChunkPositions}: {own:F0} GFLOP/s, {own / peak:P1} of the peak");
        Print($"encoder's products, {EncoderRows} rows: {reference:F0} GFLOP/s, {reference / peak:P1} of the peak");
        Print($"the prompt reaches {ratio:F3} of the encoder (median of {rounds} rounds)");
        Print($"cache: {held / 1e6:F1} MB held, {needed / 1e6:F1} MB needed by {prompt} positions, {(double)held / needed:F3}");
    }

    /// <summary>
    /// A prompt from its first token to its last; 10⁹ operations a second, a causal score and its value counted as they are needed.
    /// </summary>
    double Prefill(int prompt)
    {
        int row = _pages.AddRow();
        double operations = 0;
        _backend.RowPrecision = RowPrecision.Sequence;
        var start = Now;
        for (int first = 0, end; first < prompt; first = end)
        {
            end = BatchLayout.ChunkEnd(first, prompt);
            _pages.Grow(row, end);
            _layout.Clear();
            _layout.AddPrompt(row, first, end - first);
            _backend.FreeTemporaries();
            var x = _backend.Input(new float[(end - first) * _width], new Shape(end - first, _width));
            for (int layer = 0; layer < _layers; layer++)
            {
                var mark = _backend.Mark();
                x = _backend.KeepOnly(x, Layer(x, layer), mark);
            }
            operations += Products(end - first) + 2.0 * _layers * _width * ((double)end * (end + 1) - (double)first * (first + 1));
        }
        double seconds = (Now - start).TotalSeconds;
        _pages.RemoveRow(row);
        return operations / seconds / 1e9;
    }

    /// <summary>The products alone of the same layers, as an encoder's 1,500 positions have them.</summary>
    double Encode()
    {
        _backend.FreeTemporaries();
        _backend.RowPrecision = RowPrecision.Sequence;
        var x = _backend.Input(new float[EncoderRows * _width], new Shape(EncoderRows, _width));
        var start = Now;
        for (int layer = 0; layer < _layers; layer++)
        {
            var mark = _backend.Mark();
            var w = _weights / "layers" / layer;
            var (query, _, _) = Projections(x, w);
            x = _backend.KeepOnly(x, FeedForward(query.Linear(w / "o", _width, residual: x), w), mark);
        }
        return Products(EncoderRows) / (Now - start).TotalSeconds / 1e9;
    }

    TimeSpan Now => _device.Threads == 1 ? Process.GetCurrentProcess().TotalProcessorTime : Stopwatch.GetElapsedTime(0);

    Tensor Layer(Tensor x, int layer)
    {
        var w = _weights / "layers" / layer;
        var (query, key, value) = Projections(x.LayerNorm(w / "norm1"), w);
        x = _backend.AttentionWithCache(query, key, value, _caches[layer], _layout, _heads).Linear(w / "o", _width, residual: x);
        return FeedForward(x, w);
    }

    (Tensor Query, Tensor Key, Tensor Value) Projections(Tensor h, Scope w) =>
        (h.Linear(w / "q", _width), h.Linear(w / "k", _heads.KeyValue * HeadSize), h.Linear(w / "v", _heads.KeyValue * HeadSize));

    Tensor FeedForward(Tensor x, Scope w)
    {
        var h = x.LayerNorm(w / "norm2");
        return h.Linear(w / "gate", _hidden, Activation.Silu).Multiply(h.Linear(w / "up", _hidden)).Linear(w / "down", _width, residual: x);
    }

    double Products(int rows) => 2.0 * rows * _layers * _width * (2.0 * _width + 2 * _heads.KeyValue * HeadSize + 3 * _hidden);

    long NeededBytes(int positions)
    {
        int element = _device.Past switch { KeyValueFormat.F32 => 4, KeyValueFormat.BF16 => 2, _ => 1 };
        int scale = _device.Past == KeyValueFormat.Int8 ? sizeof(float) : 0;
        return 2L * _layers * positions * _heads.KeyValue * (HeadSize * element + scale);
    }

    public void Dispose()
    {
        foreach (var cache in _caches) cache.Dispose();
        _device.Unload(_weights);
        _backend.Dispose();
        _device.Dispose();
    }

    RandomTensors MakeStore()
    {
        var store = new RandomTensors();
        for (int layer = 0; layer < _layers; layer++)
        {
            string w = $"layers.{layer}.";
            int keys = _heads.KeyValue * HeadSize;
            string[] norms = ["norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"];
            foreach (string norm in norms) store.Add(w + norm, new Shape(_width));
            foreach (string square in (string[])["q", "o"]) store.Add($"{w}{square}.weight", new Shape(_width, _width));
            foreach (string narrow in (string[])["k", "v"]) store.Add($"{w}{narrow}.weight", new Shape(keys, _width));
            foreach (string wide in (string[])["gate", "up"]) store.Add($"{w}{wide}.weight", new Shape(_hidden, _width));
            store.Add($"{w}down.weight", new Shape(_width, _hidden));
        }
        return store;
    }

    static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    /// <summary>Values made as they are read.</summary>
    sealed class RandomTensors : ITensorStore
    {
        readonly Dictionary<string, StoredTensor> _tensors = [];

        public string Location => "random weights";

        public IReadOnlyCollection<string> Names => _tensors.Keys;

        public StoredTensor? Find(string name) => _tensors.GetValueOrDefault(name);

        public void Add(string name, Shape shape) => _tensors.Add(name, new RandomTensor(name, shape));
    }

    sealed class RandomTensor(string name, Shape shape) : StoredTensor(name, DType.F32, shape)
    {
        public override void Read(long offset, Span<byte> destination)
        {
            var values = MemoryMarshal.Cast<byte, float>(destination);
            uint state = (uint)offset * 2654435761u + 1;
            for (int i = 0; i < values.Length; i++)
            {
                state = state * 1664525 + 1013904223;
                values[i] = (state >> 8) / 16777216f * 0.06f - 0.03f;
            }
        }
    }
}
