using Earshot.Compute.Cpu;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>
/// A decoder-only model of random weights in plain calls of the backend: grouped heads, a gated feed-forward, as many pages as its
/// rows need.
/// </summary>
internal sealed class ToyDecoder : IDisposable
{
    const int Layers = 2;
    const int Size = 256;
    const int Hidden = 512;
    const int Vocabulary = 300;

    static readonly MemoryStore Store = MakeStore();

    readonly CpuDevice _device;
    readonly CpuBackend _backend;
    readonly Scope _weights = new(Store);
    readonly KeyValueCache[] _caches;
    readonly BatchLayout _layout = new();
    readonly List<int> _tokens = [];

    public ToyDecoder(CpuOptions options)
    {
        _device = new CpuDevice(options);
        _backend = new CpuBackend(_device);
        _caches = [.. Enumerable.Range(0, Layers).Select(_ => _backend.CreateCache(Pages, Heads.KeyValue * Size / Heads.Query, Heads))];
    }

    static Heads Heads => new(8, 2);

    public PageTable Pages { get; } = new(200);

    /// <summary>A merged step: a token for each row at its next position; logits by row.</summary>
    public float[][] Step(params ReadOnlySpan<(int Row, int Token)> tokens)
    {
        _layout.Clear();
        _tokens.Clear();
        foreach (var (row, token) in tokens)
        {
            int position = Pages.Length(row);
            Grow(row, position + 1);
            _layout.Add(row, position, 0);
            _tokens.Add(token);
        }
        return Run(RowPrecision.Step);
    }

    /// <summary>A row's next tokens as one chunk of a prompt; logits by token.</summary>
    public float[][] Prompt(int row, params ReadOnlySpan<int> tokens)
    {
        int first = Pages.Length(row);
        Grow(row, first + tokens.Length);
        _layout.Clear();
        _layout.AddPrompt(row, first, tokens.Length);
        _tokens.Clear();
        _tokens.AddRange(tokens);
        return Run(RowPrecision.Sequence);
    }

    public void Dispose()
    {
        foreach (var cache in _caches) cache.Dispose();
        _backend.Dispose();
        _device.Dispose();
    }

    void Grow(int row, int length)
    {
        if (Pages.Grow(row, length) is not { } copy) return;
        foreach (var cache in _caches) cache.CopyPage(copy);
    }

    float[][] Run(RowPrecision precision)
    {
        _backend.FreeTemporaries();
        _backend.RowPrecision = precision;
        var tokens = _backend.Indices(_tokens.ToArray(), new Shape(_tokens.Count));
        var x = _backend.Embed(tokens, (_weights / "embed").Parameter("weight", new Shape(Vocabulary, Size)));
        for (int layer = 0; layer < Layers; layer++)
        {
            var w = _weights / "layers" / layer;
            var h = x.LayerNorm(w / "norm1");
            Tensor query = h.Linear(w / "q", Size), key = h.Linear(w / "k", Size / 4), value = h.Linear(w / "v", Size / 4);
            x = _backend.AttentionWithCache(query, key, value, _caches[layer], _layout, Heads).Linear(w / "o", Size, residual: x);
            h = x.LayerNorm(w / "norm2");
            x = h.Linear(w / "gate", Hidden, Activation.Silu).Multiply(h.Linear(w / "up", Hidden)).Linear(w / "down", Size, residual: x);
        }
        return [.. CpuBackend.Read(x.LayerNorm(_weights / "norm").Linear(_weights / "out", Vocabulary)).ToArray().Chunk(Vocabulary)];
    }

    static MemoryStore MakeStore()
    {
        var random = new Random(5);
        var store = new MemoryStore().AddRandom("embed.weight", random, Vocabulary, Size);
        AddNorm("norm");
        AddMatrix("out", Vocabulary, Size);
        for (int layer = 0; layer < Layers; layer++)
        {
            string w = $"layers.{layer}.";
            AddNorm(w + "norm1");
            AddNorm(w + "norm2");
            foreach (string square in (string[])["q", "o"]) AddMatrix(w + square, Size, Size);
            foreach (string narrow in (string[])["k", "v"]) AddMatrix(w + narrow, Size / 4, Size);
            foreach (string wide in (string[])["gate", "up"]) AddMatrix(w + wide, Hidden, Size);
            AddMatrix(w + "down", Size, Hidden);
        }
        return store;

        void AddNorm(string name) =>
            store.Add($"{name}.weight", [.. Enumerable.Repeat(1f, Size)], Size).Add($"{name}.bias", new float[Size], Size);

        // As large as keeps values of one size from layer to layer.
        void AddMatrix(string name, int outputs, int inputs)
        {
            var values = new float[outputs * inputs];
            foreach (ref float value in values.AsSpan()) value = (2 * random.NextSingle() - 1) * MathF.Sqrt(3f / inputs);
            store.Add($"{name}.weight", values, outputs, inputs);
        }
    }
}
