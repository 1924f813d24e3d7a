using Earshot.Onnx.Graph;
using Earshot.Onnx.Native;

namespace Earshot.Onnx.Runtimes;

/// <summary>
/// Small graphs that move a cache's rows and cut its positions where the cache lives. Either costs one copy of the past,
/// as much as a decoding step spends on appending to it.
/// </summary>
sealed class CacheGraphs(CacheLayout layout, OnnxSessionOptions options) : IDisposable
{
    const string Argument = "argument";

    readonly Lazy<OnnxSession> _gather = new(() => Make(layout, options, (builder, past, rows) => builder.Node("Gather", past, rows)));
    readonly Lazy<OnnxSession> _cut = new(
        () => Make(layout, options, (builder, past, length) => builder.Node("Slice", past, builder.Ints(0), length, builder.Ints(2))));

    /// <summary>Row i of <paramref name="to"/> becomes row <c>parents[i]</c> of <paramref name="from"/>.</summary>
    public void Gather(CacheBlock from, CacheBlock to, ReadOnlySpan<int> parents)
    {
        var rows = new long[parents.Length];
        for (int i = 0; i < rows.Length; i++) rows[i] = parents[i];
        to.See(parents.Length, from.Length);
        Run(_gather.Value, from, to, rows);
    }

    /// <summary>The first positions of all rows.</summary>
    public void Cut(CacheBlock from, CacheBlock to, int length)
    {
        to.See(from.Rows, length);
        Run(_cut.Value, from, to, [length]);
    }

    public void Dispose()
    {
        if (_gather.IsValueCreated) _gather.Value.Dispose();
        if (_cut.IsValueCreated) _cut.Value.Dispose();
    }

    void Run(OnnxSession session, CacheBlock from, CacheBlock to, long[] argument)
    {
        using var value = OnnxValue.FromMemory<long>(argument, argument.Length);
        using var binding = session.CreateBinding();
        binding.BindInput(Argument, value);
        for (int i = 0; i < layout.Tensors; i++)
        {
            binding.BindInput(CacheLayout.Past(i), from[i]);
            binding.BindOutput(CacheLayout.Present(i), to[i]);
        }
        binding.Run();
    }

    static OnnxSession Make(CacheLayout layout, OnnxSessionOptions options, Func<GraphBuilder, GraphValue, GraphValue, GraphValue> move)
    {
        var builder = new GraphBuilder("cache", Recording.GraphOptions.OperatorSet);
        var argument = builder.Input(Argument, OnnxElementType.Int64, "count");
        for (int i = 0; i < layout.Tensors; i++)
        {
            var past = builder.Input(CacheLayout.Past(i), layout.Type, "rows", layout.Heads, "length", layout.HeadSize);
            builder.Output(CacheLayout.Present(i), move(builder, past, argument));
        }
        return OnnxSession.FromBytes(builder.Build().ToBytes(), options with { MemoryPattern = false });
    }
}
