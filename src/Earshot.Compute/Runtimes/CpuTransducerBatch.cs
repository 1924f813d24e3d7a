using Earshot.Compute.Cpu;

namespace Earshot.Compute.Runtimes;

/// <summary>
/// Steps of several recordings at once: the joiner meets a position, or a few, of each, and the predictor reads the tokens of those that
/// said one. Used by one job at a time.
/// </summary>
internal sealed class CpuTransducerBatch(CpuTransducerRuntime runtime)
{
    // Most positions are blank, after which the text is the same: a few of them are joined ahead where rows are few.
    const int MostAhead = 4, UsualRows = 8;

    readonly Dictionary<int, CpuRecurrentState[]> _states = [];
    readonly List<Stretch> _active = [];
    readonly List<(CpuTransducerRow Row, int Token)> _said = [];
    float[] _encoded = [];
    float[] _predicted = [];
    int[] _tokens = [];

    CpuBackend Backend => runtime.Backend;

    int Width => runtime.Shape.Width;

    /// <summary>A recording's predictor reads tokens.</summary>
    public void Say(CpuTransducerRow row, ReadOnlySpan<int> tokens)
    {
        Backend.FreeTemporaries();
        var mark = Backend.Mark();
        if (!row.IsStarted) Read(row, runtime.Shape.Blank);
        foreach (int token in tokens) Read(row, token);

        void Read(CpuTransducerRow row, int token)
        {
            _said.Clear();
            _said.Add((row, token));
            Predict(mark);
        }
    }

    /// <summary>The predictor reads a token of each of some rows.</summary>
    public void Read(List<(CpuTransducerRow Row, int Token)> tokens)
    {
        Backend.FreeTemporaries();
        _said.Clear();
        _said.AddRange(tokens);
        Predict(Backend.Mark());
    }

    /// <summary>Writes down a stretch of each.</summary>
    public void Decode(CpuTransducerRequest[] requests)
    {
        Backend.FreeTemporaries();
        Project(requests);
        var mark = Backend.Mark();
        _said.Clear();
        foreach (var stretch in _active)
            if (!stretch.Request.Row.IsStarted) _said.Add((stretch.Request.Row, runtime.Shape.Blank));
        Predict(mark);
        while (_active.Count > 0)
        {
            _active.RemoveAll(HasEnded);
            if (_active.Count == 0) return;
            Join(mark);
            Predict(mark);
        }
    }

    // Whoever has given up has read some tokens and not others.
    static bool HasEnded(Stretch stretch) =>
        stretch.Request.Greedy.IsDone || stretch.Request.Cancellation.IsCancellationRequested;

    /// <summary>All that was heard, as the joiner takes it, one stretch behind the other.</summary>
    void Project(CpuTransducerRequest[] requests)
    {
        int width = runtime.Shape.EncodedWidth, rows = requests.Sum(request => request.Encoded.Length / width);
        var encoded = new float[rows * width];
        int first = 0;
        _active.Clear();
        foreach (var request in requests)
        {
            int count = request.Encoded.Length / width;
            request.Encoded.Span.CopyTo(encoded.AsSpan(first * width));
            _active.Add(new Stretch(request, first, count));
            first += count;
        }
        var projected = runtime.Transducer.ProjectEncoded(Backend.Input(encoded, new Shape(rows, width)), runtime.Root);
        Reserve(ref _encoded, rows * Width);
        CpuBackend.Read(projected).CopyTo(_encoded);
    }

    /// <summary>A position of each, and a few ahead, meet what was said; each goes on until it says something.</summary>
    void Join(ArenaMark mark)
    {
        Pass(mark);
        int ahead = Math.Clamp(UsualRows / _active.Count, 1, MostAhead), rows = _active.Sum(stretch => stretch.Joined(ahead));
        var (encoded, predicted) = (new Shape(rows, Width), _active.Count == 1 ? new Shape(1, Width) : new Shape(rows, Width));
        Reserve(ref _predicted, rows * Width * 2);
        int row = 0;
        foreach (var stretch in _active)
        {
            int count = stretch.Joined(ahead), from = stretch.First + stretch.Request.Greedy.Position;
            _encoded.AsSpan(from * Width, count * Width).CopyTo(_predicted.AsSpan((rows + row) * Width));
            for (int i = 0; i < count; i++) stretch.Request.Row.Predicted.CopyTo(_predicted.AsSpan((row + i) * Width));
            row += count;
        }
        var joined = runtime.Transducer.Join(
            Backend.Input(_predicted.AsSpan(rows * Width, rows * Width), encoded),
            Backend.Input(_predicted.AsSpan(0, (int)predicted.Count), predicted), runtime.Root);
        Take(CpuBackend.Read(joined), ahead);
    }

    void Take(ReadOnlySpan<float> logits, int ahead)
    {
        int row = 0, outputs = runtime.Shape.Outputs;
        _said.Clear();
        foreach (var stretch in _active)
        {
            var greedy = stretch.Request.Greedy;
            int count = stretch.Joined(ahead), from = greedy.Position;
            try
            {
                while (!greedy.IsDone && greedy.Position - from < count)
                {
                    if (greedy.Take(logits.Slice((row + greedy.Position - from) * outputs, outputs)) is not { } token) continue;
                    _said.Add((stretch.Request.Row, token));
                    break;
                }
            }
            catch (ModelException exception)
            {
                stretch.Request.Failure = exception;
                stretch.Fail();
            }
            row += count;
        }
        _active.RemoveAll(stretch => stretch.HasFailed);
    }

    /// <summary>The predictor reads a token of each recording that said one.</summary>
    void Predict(ArenaMark mark)
    {
        if (_said.Count == 0) return;
        Pass(mark);
        int rows = _said.Count;
        if (_tokens.Length < rows) _tokens = new int[rows];
        if (!_states.TryGetValue(rows, out var states))
            _states.Add(rows, states = [.. runtime.Shape.CreateStates(Backend, rows).Cast<CpuRecurrentState>()]);
        for (int r = 0; r < rows; r++)
        {
            _tokens[r] = _said[r].Token;
            for (int layer = 0; layer < states.Length; layer++) Copy(_said[r].Row.States[layer], 0, states[layer], r);
        }
        var predicted = runtime.Transducer.Predict(Backend.Indices(_tokens.AsSpan(0, rows), new Shape(rows)), states, runtime.Root);
        for (int r = 0; r < rows; r++)
        {
            var row = _said[r].Row;
            for (int layer = 0; layer < states.Length; layer++) Copy(states[layer], r, row.States[layer], 0);
            CpuBackend.Read(predicted).Slice(r * Width, Width).CopyTo(row.Predicted);
            row.IsStarted = true;
        }
    }

    static void Copy(CpuRecurrentState from, int row, CpuRecurrentState to, int toRow)
    {
        int size = from.Size;
        from.Hidden.AsSpan(row * size, size).CopyTo(to.Hidden.AsSpan(toRow * size));
        from.Cell.AsSpan(row * size, size).CopyTo(to.Cell.AsSpan(toRow * size));
    }

    // What was computed for the last step is not needed any more; others' steps may pass.
    void Pass(ArenaMark mark)
    {
        Backend.Free(mark);
        Backend.BetweenLayers?.Invoke();
    }

    static void Reserve(ref float[] buffer, int length)
    {
        if (buffer.Length < length) buffer = new float[length];
    }

    /// <summary>A request whose positions begin at <paramref name="First"/> among all.</summary>
    sealed record Stretch(CpuTransducerRequest Request, int First, int Positions)
    {
        public bool HasFailed { get; private set; }

        /// <summary>Positions that are joined at once.</summary>
        public int Joined(int ahead) => Math.Min(ahead, Positions - Request.Greedy.Position);

        public void Fail() => HasFailed = true;
    }
}
