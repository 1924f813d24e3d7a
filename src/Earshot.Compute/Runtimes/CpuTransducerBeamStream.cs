using Earshot.Compute.Cpu;

namespace Earshot.Compute.Runtimes;

/// <summary>
/// A recording that is searched among several hypotheses. Each stretch is searched by itself, from the best text before it on. Hypotheses
/// of a position are joined together, and what they say is read together; whoever else computes does not change a bit.
/// </summary>
internal sealed class CpuTransducerBeamStream(CpuTransducerRuntime runtime, int beamSize)
    : TransducerStream(runtime.Shape), ITransducerScores
{
    readonly TransducerBeam _beam = new(runtime.Shape, beamSize);
    readonly List<(CpuTransducerRow Row, int Token)> _unread = [];
    TransducerText _text = new(null, runtime.Shape.Blank);
    float[] _encoded = [];
    float[] _joined = [];
    float[] _logits = [];
    int _decoded;
    int _ahead;

    public override int Positions => _decoded;

    public ReadOnlySpan<float> Logits(IReadOnlyList<(TransducerText Text, int Position)> rows)
    {
        Read(rows);
        int width = Shape.Width, values = rows.Count * width;
        if (_joined.Length < 2 * values) _joined = new float[2 * values];
        if (_logits.Length < rows.Count * Shape.Outputs) _logits = new float[rows.Count * Shape.Outputs];
        for (int r = 0; r < rows.Count; r++)
        {
            _encoded.AsSpan(rows[r].Position * width, width).CopyTo(_joined.AsSpan(r * width));
            RowOf(rows[r].Text).Predicted.CopyTo(_joined.AsSpan(values + (r * width)));
        }
        var shape = new Shape(rows.Count, width);
        runtime.Backend.FreeTemporaries();
        var joined = runtime.Transducer.Join(
            runtime.Backend.Input(_joined.AsSpan(0, values), shape), runtime.Backend.Input(_joined.AsSpan(values, values), shape),
            runtime.Root);
        CpuBackend.Read(joined).CopyTo(_logits);
        return _logits.AsSpan(0, rows.Count * Shape.Outputs);
    }

    protected override async ValueTask RunSayAsync(ReadOnlyMemory<int> tokens, CancellationToken cancellationToken)
    {
        var row = NewRow(_text.State as CpuTransducerRow);
        await runtime.SayAsync(row, tokens, cancellationToken).ConfigureAwait(false);
        _text = new TransducerText(null, Shape.Blank) { State = row };
    }

    protected override async ValueTask RunDecodeAsync(
        ReadOnlyMemory<float> encoded, int positions, List<TransducerToken> tokens, CancellationToken cancellationToken)
    {
        var found = await runtime.SearchAsync(() =>
        {
            Project(encoded, positions);
            Read([(_text, 0)]);
            var best = _beam.Search(_text, (Math.Min(_ahead, positions), positions), this, () => runtime.Backend.BetweenLayers?.Invoke());
            Read([(best.Text, 0)]);
            return best;
        }, cancellationToken).ConfigureAwait(false);
        tokens.AddRange(found.Tokens.Select(token => token with { Position = token.Position + _decoded }));
        _ahead = Math.Max(found.Ahead, _ahead - positions);
        _decoded += positions;
        // Nothing of the texts before is needed any more but the last one's state.
        _text = new TransducerText(null, Shape.Blank) { State = found.Text.State };
    }

    void Project(ReadOnlyMemory<float> encoded, int positions)
    {
        runtime.Backend.FreeTemporaries();
        var input = runtime.Backend.Input(encoded.Span, new Shape(positions, Shape.EncodedWidth));
        _encoded = CpuBackend.Read(runtime.Transducer.ProjectEncoded(input, runtime.Root)).ToArray();
    }

    /// <summary>The predictor reads the last token of the texts that it has not read yet.</summary>
    void Read(IReadOnlyList<(TransducerText Text, int Position)> rows)
    {
        _unread.Clear();
        foreach (var (text, _) in rows)
        {
            if (text.State is not null) continue;
            var row = NewRow(text.Before?.State as CpuTransducerRow);
            text.State = row;
            _unread.Add((row, text.Token));
        }
        if (_unread.Count > 0) runtime.Read(_unread);
    }

    CpuTransducerRow NewRow(CpuTransducerRow? before)
    {
        var row = new CpuTransducerRow(runtime);
        if (before is not null) row.Take(before);
        return row;
    }

    static CpuTransducerRow RowOf(TransducerText text) => (CpuTransducerRow)text.State!;
}
