using System.Collections;

namespace Earshot.Onnx.Native;

/// <summary>The tensors that a run made, in the order they were asked for; disposing gives all of them back.</summary>
public sealed class OnnxOutputs : IReadOnlyList<OnnxValue>, IDisposable
{
    readonly IReadOnlyList<string> _names;
    readonly OnnxValue[] _values;

    internal OnnxOutputs(IReadOnlyList<string> names, OnnxValue[] values)
    {
        _names = names;
        _values = values;
    }

    public IReadOnlyList<string> Names => _names;

    public int Count => _values.Length;

    public OnnxValue this[int index] => _values[index];

    /// <exception cref="OnnxRuntimeException">There is no output of that name.</exception>
    public OnnxValue this[string name]
    {
        get
        {
            for (int i = 0; i < _values.Length; i++)
            {
                if (_names[i] == name) return _values[i];
            }
            throw new OnnxRuntimeException(
                $"There is no output '{name}'; there are {string.Join(", ", _names)}.", OnnxErrorCode.InvalidArgument);
        }
    }

    public IEnumerator<OnnxValue> GetEnumerator() => ((IEnumerable<OnnxValue>)_values).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public void Dispose()
    {
        foreach (var value in _values) value.Dispose();
    }

    /// <summary>Takes over values that the runtime made; on failure none is left behind.</summary>
    internal static OnnxOutputs Adopt(IReadOnlyList<string> names, ReadOnlySpan<nint> pointers)
    {
        var values = new OnnxValue[pointers.Length];
        int done = 0;
        try
        {
            while (done < values.Length)
            {
                // Adopt gives the pointer back itself when it fails.
                int index = done++;
                values[index] = OnnxValue.Adopt(pointers[index]);
            }
            return new OnnxOutputs(names, values);
        }
        catch
        {
            foreach (var value in values) value?.Dispose();
            foreach (nint rest in pointers[done..]) OrtApi.Release(OrtKind.Value, rest);
            throw;
        }
    }
}
