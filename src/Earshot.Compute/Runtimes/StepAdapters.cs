using System.Runtime.InteropServices;
using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>The adapters of a step's tokens, sorted for <see cref="DecoderState.Adapt"/>. Its lists grow to the largest step's.</summary>
internal sealed class StepAdapters
{
    readonly List<LowRankAdapter?> _ofTokens = [];
    readonly List<LowRankAdapter> _distinct = [];
    readonly List<int> _chosen = [];
    readonly List<int> _order = [];

    public void Clear() => _ofTokens.Clear();

    /// <summary>Adds the step's next token.</summary>
    public void Add(LowRankAdapter? adapter) => _ofTokens.Add(adapter);

    /// <summary>Tells a state of them, in tensors of a backend.</summary>
    public void Place(DecoderState state, CpuBackend backend)
    {
        state.Adapted.Clear();
        state.AdaptedOrder = null;
        _distinct.Clear();
        foreach (var adapter in _ofTokens)
        {
            if (adapter is not null && !_distinct.Contains(adapter)) _distinct.Add(adapter);
        }
        if (_distinct.Count == 0) return;
        if (_distinct.Count == 1 && !_ofTokens.Contains(null))
        {
            state.Adapted.Add(new AdaptedTokens(_distinct[0], null));
            return;
        }
        _order.Clear();
        for (int token = 0; token < _ofTokens.Count; token++) _order.Add(token);
        int behind = _ofTokens.Count;
        foreach (var adapter in _distinct)
        {
            _chosen.Clear();
            for (int token = 0; token < _ofTokens.Count; token++)
            {
                if (!ReferenceEquals(_ofTokens[token], adapter)) continue;
                _order[token] = behind++;
                _chosen.Add(token);
            }
            state.Adapted.Add(new AdaptedTokens(adapter, Indices(backend, _chosen)));
        }
        state.AdaptedOrder = Indices(backend, _order);
    }

    static Tensor Indices(CpuBackend backend, List<int> values) =>
        backend.Indices(CollectionsMarshal.AsSpan(values), new Shape(values.Count));
}
