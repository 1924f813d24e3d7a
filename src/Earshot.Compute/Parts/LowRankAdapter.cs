namespace Earshot.Compute.Parts;

/// <summary>
/// What is added to some of a decoder's matrices and is kept apart from them: for each, the product of two narrow ones (LoRA, Hu et al.
/// 2021, arXiv:2106.09685). Sequences with it and without it share the decoder's weights, and their steps.
/// </summary>
public sealed class LowRankAdapter
{
    /// <summary>The narrow matrix that meets a layer's input, (rank, inputs), below the layer's name.</summary>
    public const string DownName = "lora_A.weight";

    /// <summary>The one that makes the layer's outputs of it, (outputs, rank), any factor multiplied in.</summary>
    public const string UpName = "lora_B.weight";

    readonly Dictionary<string, (Parameter Down, Parameter Up)> _layers = new(StringComparer.Ordinal);

    /// <param name="name">What it is called, in messages.</param>
    /// <param name="tensors">Two for each layer, by the layer's name in the decoder's checkpoint.</param>
    /// <exception cref="CheckpointException">A layer has one of the two only, or they do not fit each other.</exception>
    public LowRankAdapter(string name, ITensorStore tensors)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(tensors);
        Name = name;
        Root = new Scope(tensors);
        const string ending = "." + DownName;
        foreach (var down in tensors.Names.Where(key => key.EndsWith(ending, StringComparison.Ordinal)))
        {
            var layer = down[..^ending.Length];
            var up = $"{layer}.{UpName}";
            if (tensors.Find(down)!.Shape is not { Rank: 2 } first || tensors.Find(up)?.Shape is not { Rank: 2 } second
                || second[1] != first[0])
            {
                throw new CheckpointException(
                    $"{tensors.Location}: '{down}' of shape {tensors.Find(down)!.Shape} needs a '{up}' of (outputs, {DownName}'s first); " +
                    $"got {tensors.Find(up)?.Shape.ToString() ?? "none"}.");
            }
            _layers.Add(layer, (Root.Parameter(down, first), Root.Parameter(up, second)));
        }
    }

    public string Name { get; }

    /// <summary>The layers that it changes.</summary>
    public IReadOnlyCollection<string> Layers => _layers.Keys;

    /// <summary>Where its matrices are.</summary>
    internal Scope Root { get; }

    internal bool Changes(Scope layer) => _layers.ContainsKey(layer.Path);

    /// <summary>A layer's result, (n, outputs), with what this adds to it of the layer's input, (n, inputs).</summary>
    internal Tensor Add(Tensor result, Tensor input, Scope layer)
    {
        if (!_layers.TryGetValue(layer.Path, out var pair)) return result;
        var narrow = input.Backend.Linear(input, pair.Down, bias: null, default);
        return input.Backend.Linear(narrow, pair.Up, bias: null, new Epilogue(Residual: result));
    }
}

/// <summary>Tokens of a step whose sequences have an adapter.</summary>
/// <param name="Tokens">Which of the step's tokens, (n) of int32; null: all of them.</param>
public readonly record struct AdaptedTokens(LowRankAdapter Adapter, Tensor? Tokens);
