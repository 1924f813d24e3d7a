using Earshot.Onnx.Export;
using Earshot.Onnx.Native;

namespace Earshot.Onnx.Runtimes;

/// <summary>Rows and tokens a row of a run, and the first position whose logits are wanted.</summary>
readonly record struct StepShape(int Rows, int Time, int FirstLogit);

/// <summary>Tokens of a run, row by row, and audio in the place of some of them: from where on, and its embeddings.</summary>
readonly ref struct StepTokens(ReadOnlySpan<int> tokens, List<(int First, ReadOnlyMemory<float> Values)>? audio = null)
{
    public ReadOnlySpan<int> Tokens { get; } = tokens;

    public List<(int First, ReadOnlyMemory<float> Values)>? Audio { get; } = audio;
}

/// <summary>
/// A decoder graph bound to one generation: the window's keys and values once, tokens, past and logits anew for each run.
/// </summary>
sealed class StepBinding : IDisposable
{
    readonly OnnxDecoderRuntime _runtime;
    readonly OnnxIoBinding _binding;
    readonly OnnxIoBinding? _embedding;
    readonly long[] _first = new long[1];
    readonly OnnxValue _firstValue;
    readonly bool _choosesLogits;
    readonly int _alignmentHeads;
    readonly int _positions;
    OnnxValue? _tokens;
    OnnxValue? _embedded;
    OnnxValue? _logits;
    OnnxValue? _attentions;

    /// <param name="alignmentHeads">How many heads' attention the graph returns; 0 for none.</param>
    public StepBinding(ModelGraph graph, OnnxDecoderRuntime runtime, OnnxEncodedAudio? audio, int alignmentHeads = 0)
    {
        _runtime = runtime;
        _positions = audio?.Positions ?? 0;
        _alignmentHeads = alignmentHeads;
        _choosesLogits = graph.HasInput(GraphNames.FirstLogit);
        _binding = graph.Session.CreateBinding();
        _embedding = runtime.Embedding?.Session.CreateBinding();
        _firstValue = OnnxValue.FromMemory<long>(_first, 1);
        if (_choosesLogits) _binding.BindInput(GraphNames.FirstLogit, _firstValue);
        for (int i = 0; audio is not null && i < runtime.Layout.Tensors; i++)
            _binding.BindInput(CacheLayout.CrossInput(i), audio.Outputs[i]);
    }

    /// <summary>Runs; the logits of each row's tokens from the first wanted on, valid until the next run.</summary>
    public ReadOnlySpan<float> Run(
        StepShape shape, StepTokens tokens, CacheBlock past, CacheBlock next, CancellationToken cancellationToken)
    {
        var (rows, time, first) = shape;
        int skipped = _choosesLogits ? first : 0, vocabulary = _runtime.Shape.VocabSize;
        BindTokens(shape, tokens, cancellationToken);
        _first[0] = first;
        if (_choosesLogits && !_runtime.Layout.IsOnCpu) _binding.BindInput(GraphNames.FirstLogit, _firstValue);
        var logits = Output(ref _logits, GraphNames.Logits, [rows, time - skipped, vocabulary]);
        if (_alignmentHeads > 0) Output(ref _attentions, GraphNames.AlignmentAttentions, [rows, time, _alignmentHeads, _positions]);
        for (int i = 0; i < _runtime.Layout.Tensors; i++)
        {
            _binding.BindInput(CacheLayout.Past(i), past[i]);
            _binding.BindOutput(CacheLayout.Present(i), next[i]);
        }
        _binding.Run(cancellationToken: cancellationToken);
        return logits.Span<float>()[((first - skipped) * vocabulary)..];
    }

    /// <summary>The last run's attention, (tokens, heads, positions), of the heads asked for.</summary>
    public float[] TakeAttentions(ReadOnlySpan<int> heads)
    {
        var made = _attentions!.Span<float>();
        int tokens = made.Length / (_alignmentHeads * _positions);
        var taken = new float[tokens * heads.Length * _positions];
        for (int t = 0; t < tokens; t++)
        {
            for (int h = 0; h < heads.Length; h++)
                made.Slice((t * _alignmentHeads + heads[h]) * _positions, _positions)
                    .CopyTo(taken.AsSpan((t * heads.Length + h) * _positions));
        }
        return taken;
    }

    public void Dispose()
    {
        _binding.Dispose();
        _embedding?.Dispose();
        _firstValue.Dispose();
        _tokens?.Dispose();
        _embedded?.Dispose();
        _logits?.Dispose();
        _attentions?.Dispose();
    }

    // Tokens as they are, or their embeddings with audio in its places.
    void BindTokens(StepShape shape, StepTokens tokens, CancellationToken cancellationToken)
    {
        var (rows, time, _) = shape;
        bool made = ReusedValue.Make(ref _tokens, OnnxElementType.Int64, [rows, time]);
        var ids = _tokens!.Span<long>();
        for (int i = 0; i < ids.Length; i++) ids[i] = tokens.Tokens[i];
        // What is on a device gets a copy when it is bound, so that it must be bound again when it has changed.
        bool again = made || !_runtime.Layout.IsOnCpu;
        var direct = _embedding ?? _binding;
        if (again) direct.BindInput(GraphNames.InputIds, _tokens);
        if (_embedding is null) return;
        int width = _runtime.Shape.Width;
        if (ReusedValue.Make(ref _embedded, OnnxElementType.Float32, [rows, time, width]))
            _embedding.BindOutput(GraphNames.InputsEmbeds, _embedded!);
        _embedding.Run(cancellationToken: cancellationToken);
        foreach (var (first, values) in tokens.Audio ?? []) values.Span.CopyTo(_embedded!.Span<float>()[(first * width)..]);
        if (again) _binding.BindInput(GraphNames.InputsEmbeds, _embedded!);
    }

    OnnxValue Output(ref OnnxValue? value, string name, ReadOnlySpan<long> shape)
    {
        if (ReusedValue.Make(ref value, OnnxElementType.Float32, shape)) _binding.BindOutput(name, value!);
        return value!;
    }
}
