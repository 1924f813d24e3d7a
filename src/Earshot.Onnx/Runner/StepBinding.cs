using Earshot.Onnx.Export;
using Earshot.Onnx.Runtime;

namespace Earshot.Onnx.Runner;

/// <summary>Rows and tokens a row of a run, and the first position whose logits are wanted.</summary>
readonly record struct StepShape(int Rows, int Time, int FirstLogit);

/// <summary>A decoder graph bound to one window: the window's keys and values once, tokens, past and logits anew for each run.</summary>
sealed class StepBinding : IDisposable
{
    readonly OnnxWhisperRuntime _runtime;
    readonly OnnxIoBinding _binding;
    readonly long[] _first = new long[1];
    readonly OnnxValue _firstValue;
    readonly bool _choosesLogits;
    readonly int _alignmentHeads;
    readonly int _positions;
    OnnxValue? _tokens;
    OnnxValue? _logits;
    OnnxValue? _attentions;

    public StepBinding(OnnxSession session, OnnxWhisperRuntime runtime, OnnxEncodedAudio audio)
    {
        _runtime = runtime;
        _positions = audio.Positions;
        _choosesLogits = session.Inputs.Any(input => input.Name == WhisperGraphs.FirstLogit);
        _alignmentHeads = session.Outputs.Any(output => output.Name == WhisperGraphs.AlignmentAttentions) ? runtime.Generation.AlignmentHeads.Count : 0;
        _binding = session.CreateBinding();
        _firstValue = OnnxValue.FromMemory<long>(_first, 1);
        if (_choosesLogits) _binding.BindInput(WhisperGraphs.FirstLogit, _firstValue);
        for (int i = 0; i < runtime.Layout.Tensors; i++) _binding.BindInput(CacheLayout.CrossInput(i), audio.Outputs[i]);
    }

    /// <summary>Runs; the logits of each row's tokens from the first wanted on, valid until the next run.</summary>
    public ReadOnlySpan<float> Run(StepShape shape, ReadOnlySpan<int> tokens, CacheBlock past, CacheBlock next, CancellationToken cancellationToken)
    {
        var (rows, time, first) = shape;
        int skipped = _choosesLogits ? first : 0, vocabulary = _runtime.Config.VocabSize;
        var ids = Make(ref _tokens, WhisperGraphs.InputIds, isInput: true, OnnxElementType.Int64, [rows, time]).Span<long>();
        for (int i = 0; i < ids.Length; i++) ids[i] = tokens[i];
        _first[0] = first;
        var logits = Make(ref _logits, WhisperGraphs.Logits, isInput: false, OnnxElementType.Float32, [rows, time - skipped, vocabulary]);
        if (_alignmentHeads > 0) Make(ref _attentions, WhisperGraphs.AlignmentAttentions, isInput: false, OnnxElementType.Float32, [rows, time, _alignmentHeads, _positions]);
        for (int i = 0; i < _runtime.Layout.Tensors; i++)
        {
            _binding.BindInput(CacheLayout.Past(i), past[i]);
            _binding.BindOutput(CacheLayout.Present(i), next[i]);
        }
        _binding.Run(cancellationToken: cancellationToken);
        return logits.Span<float>()[((first - skipped) * vocabulary)..];
    }

    /// <summary>The last run's attention, (tokens, heads, positions).</summary>
    public float[] TakeAttentions() => _attentions!.ToArray<float>();

    public void Dispose()
    {
        _binding.Dispose();
        _firstValue.Dispose();
        _tokens?.Dispose();
        _logits?.Dispose();
        _attentions?.Dispose();
    }

    // The value that was bound where the shape is the same, else a new one.
    OnnxValue Make(ref OnnxValue? value, string name, bool isInput, OnnxElementType type, ReadOnlySpan<long> shape)
    {
        if (value is not null && value.Shape.SequenceEqual(shape)) return value;
        var made = OnnxValue.Allocate(type, shape);
        if (isInput) _binding.BindInput(name, made);
        else _binding.BindOutput(name, made);
        value?.Dispose();
        return value = made;
    }
}
