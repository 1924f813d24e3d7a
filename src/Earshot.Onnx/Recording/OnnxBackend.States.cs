using Earshot.Compute;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Recording;

// States: what is a graph's input and output for whoever runs it.
public sealed partial class OnnxBackend
{
    readonly List<IRecordedState> _states = [];

    /// <summary>What the states that were made so far carry from run to run, in the order in which they were made.</summary>
    internal IReadOnlyList<CarriedTensor> Carried => [.. _states.SelectMany(state => state.Carried)];

    public override KeyValueCache CreateCache(PageTable pages, int width, Heads heads) => CreateCache(Numbered("cache", "key", "value"));

    public override CrossAttentionMemory CreateMemory(int slots, int positions, int width, Heads heads) =>
        CreateMemory(Numbered("memory", "key", "value"), positions, width, heads);

    public override FrameTail CreateTail(int rows, int frames, int size) =>
        Keep(new OnnxFrameTail(Numbered("tail", "frames", "unused"), frames, size));

    /// <summary>The rows of the graph's batch are the rows of the tail.</summary>
    public override Tensor WithTail(Tensor x, FrameTail tail, ReadOnlySpan<int> rows)
    {
        var input = Unwrap(x);
        var kept = tail as OnnxFrameTail
            ?? throw new ModelException($"A tail of {tail.GetType().Name} was given to a graph that is being recorded.");
        if (kept.Frames == 0) return x;
        kept.Begin(this);
        var joined = Node(input.Path, "Concat", [kept.Past!, input.Value], ("axis", 1L));
        kept.Present = Node(input.Path, "Slice", [joined, Ints(-kept.Frames), Ints(int.MaxValue), Ints(1)]);
        return New(new Shape(x.Shape[0], kept.Frames + x.Shape[1], x.Shape[2]), input.Path).With(joined);
    }

    public override RecurrentState CreateRecurrentState(int rows, int size) =>
        CreateRecurrentState(Numbered("state", "hidden", "cell"), size);

    /// <summary>Gates in PyTorch's order: input, forget, cell, output.</summary>
    public override Tensor LstmStep(Tensor x, LstmWeights weights, RecurrentState state)
    {
        var memory = state as OnnxRecurrentState ?? throw Foreign(state);
        memory.Begin(this);
        var path = Parent(weights.Input.Name);
        var hidden = New(new Shape((int)x.Shape.Rows, memory.Size), path).With(memory.Hidden!);
        var recurrent = Linear(hidden, weights.Hidden, weights.HiddenBias, default);
        var gates = Unwrap(Linear(x, weights.Input, weights.InputBias, new Epilogue(Residual: recurrent)));
        var parts = Nodes(path, "Split", [gates.Value, Ints(memory.Size, memory.Size, memory.Size, memory.Size)], 4, ("axis", -1L));
        var kept = Node(path, "Mul", [Node(path, "Sigmoid", [parts[1]]), memory.Cell]);
        var added = Node(path, "Mul", [Node(path, "Sigmoid", [parts[0]]), Node(path, "Tanh", [parts[2]])]);
        memory.Cell = Node(path, "Add", [kept, added]);
        memory.Hidden = Node(path, "Mul", [Node(path, "Sigmoid", [parts[3]]), Node(path, "Tanh", [memory.Cell])]);
        return New(x.Shape.WithLast(memory.Size), path).With(memory.Hidden);
    }

    internal OnnxKeyValueCache CreateCache(StateNames names) => Keep(new OnnxKeyValueCache(names));

    internal OnnxCrossAttentionMemory CreateMemory(StateNames names, int positions, int width, Heads heads) =>
        Keep(new OnnxCrossAttentionMemory(names, positions, width, heads));

    internal OnnxRecurrentState CreateRecurrentState(StateNames names, int size) => Keep(new OnnxRecurrentState(names, size));

    internal GraphValue StateInput(string name, OnnxDimension[] shape) => _builder.Input(name, ComputeType, shape);

    static OnnxKeyValueCache Unwrap(KeyValueCache cache) => cache as OnnxKeyValueCache ?? throw Foreign(cache);

    static OnnxCrossAttentionMemory Unwrap(CrossAttentionMemory memory) => memory as OnnxCrossAttentionMemory ?? throw Foreign(memory);

    static ModelException Foreign(State state) =>
        new($"A {state.GetType().Name} of another backend was given to a graph that is being recorded.");

    OnnxCrossAttentionMemory Begin(CrossAttentionMemory memory)
    {
        var own = Unwrap(memory);
        own.Begin(this);
        return own;
    }

    StateNames Numbered(string kind, string first, string second)
    {
        int index = _states.Count;
        return new(
            $"past.{kind}.{index}.{first}",
            $"past.{kind}.{index}.{second}", $"present.{kind}.{index}.{first}", $"present.{kind}.{index}.{second}");
    }

    T Keep<T>(T state) where T : IRecordedState
    {
        _states.Add(state);
        return state;
    }
}
