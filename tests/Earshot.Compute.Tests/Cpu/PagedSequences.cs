using Earshot.Compute.Cpu;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>
/// Sequences whose queries, keys and values are functions of the sequence and the position, attended to over one cache in any order
/// and company.
/// </summary>
internal sealed class PagedSequences : IDisposable
{
    readonly CpuDevice _device;
    readonly CpuBackend _backend;
    readonly BatchLayout _layout = new();

    public PagedSequences(CpuOptions options, Heads heads, int size, int budget = 64)
    {
        _device = new CpuDevice(options);
        _backend = new CpuBackend(_device);
        Heads = heads;
        Size = size;
        Pages = new PageTable(budget);
        Cache = _backend.CreateCache(Pages, heads.KeyValue * size, heads);
    }

    public Heads Heads { get; }

    public int Size { get; }

    public PageTable Pages { get; }

    public KeyValueCache Cache { get; }

    public void Dispose()
    {
        Cache.Dispose();
        _backend.Dispose();
        _device.Dispose();
    }

    /// <summary>What a token's queries (kind 0), keys (1) or values (2) are.</summary>
    public static float[] Values(int sequence, int position, int kind, int count)
    {
        var random = new Random(HashCode(sequence, position, kind));
        var values = new float[count];
        foreach (ref float value in values.AsSpan()) value = 2 * random.NextSingle() - 1;
        return values;
    }

    /// <summary>One step of some rows, each at a position of a sequence, with room made for it; outputs by token.</summary>
    public float[][] Step(params ReadOnlySpan<(int Row, int Sequence, int Position)> tokens)
    {
        _layout.Clear();
        foreach (var (row, _, position) in tokens)
        {
            Grow(row, position + 1);
            _layout.Add(row, position, 0);
        }
        return Attend(tokens);
    }

    /// <summary>One call with stretches of prompts; outputs by token.</summary>
    public float[][] Prompt(params ReadOnlySpan<(int Row, int Sequence, int First, int Count)> stretches)
    {
        _layout.Clear();
        var tokens = new List<(int, int, int)>();
        foreach (var (row, sequence, first, count) in stretches)
        {
            Grow(row, first + count);
            _layout.AddPrompt(row, first, count);
            for (int i = 0; i < count; i++) tokens.Add((row, sequence, first + i));
        }
        return Attend(tokens.ToArray());
    }

    /// <summary>The outputs of positions 0 … count − 1 of a sequence, step by step on a new row, which is kept.</summary>
    public float[][] Fresh(int sequence, int count, out int row)
    {
        row = Pages.AddRow();
        var outputs = new float[count][];
        for (int position = 0; position < count; position++) outputs[position] = Step((row, sequence, position))[0];
        return outputs;
    }

    public void Grow(int row, int length)
    {
        if (Pages.Grow(row, length) is { } copy) Cache.CopyPage(copy);
    }

    /// <summary>In float64, over what a sequence's keys and values are.</summary>
    public double[] Reference(int sequence, int position)
    {
        int group = Heads.Query / Heads.KeyValue, first = Heads.Window == 0 ? 0 : Math.Max(0, position + 1 - Heads.Window);
        var query = Values(sequence, position, 0, Heads.Query * Size);
        var keys = Enumerable.Range(first, position + 1 - first).Select(p => Values(sequence, p, 1, Heads.KeyValue * Size)).ToArray();
        var values = Enumerable.Range(first, position + 1 - first).Select(p => Values(sequence, p, 2, Heads.KeyValue * Size)).ToArray();
        var output = new double[Heads.Query * Size];
        for (int head = 0; head < Heads.Query; head++)
        {
            int at = head / group * Size;
            var weights = new double[keys.Length];
            for (int p = 0; p < keys.Length; p++)
            {
                for (int i = 0; i < Size; i++) weights[p] += (double)query[head * Size + i] * keys[p][at + i] / Math.Sqrt(Size);
            }
            double largest = weights.Max(), total = weights.Sum(weight => Math.Exp(weight - largest));
            for (int p = 0; p < keys.Length; p++)
            {
                for (int i = 0; i < Size; i++) output[head * Size + i] += Math.Exp(weights[p] - largest) / total * values[p][at + i];
            }
        }
        return output;
    }

    float[][] Attend(ReadOnlySpan<(int Row, int Sequence, int Position)> tokens)
    {
        _backend.FreeTemporaries();
        int queryWidth = Heads.Query * Size, keyWidth = Heads.KeyValue * Size;
        Tensor query = Gather(tokens, 0, queryWidth), key = Gather(tokens, 1, keyWidth), value = Gather(tokens, 2, keyWidth);
        var output = CpuBackend.Read(_backend.AttentionWithCache(query, key, value, Cache, _layout, Heads)).ToArray();
        return [.. output.Chunk(queryWidth)];
    }

    Tensor Gather(ReadOnlySpan<(int Row, int Sequence, int Position)> tokens, int kind, int width)
    {
        var values = new float[tokens.Length * width];
        for (int t = 0; t < tokens.Length; t++) Values(tokens[t].Sequence, tokens[t].Position, kind, width).CopyTo(values, t * width);
        return _backend.Input(values, new Shape(tokens.Length, width));
    }

    static int HashCode(int sequence, int position, int kind) => (sequence * 1000003 + position) * 31 + kind;
}
