using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>How a model's matrices are used, by the names that checkpoints give them.</summary>
static class MatrixUse
{
    // Tables of tokens are read as rows, and multiplied at the end of a step.
    static readonly string[] s_tokenTables = ["embed_tokens.", "proj_out.", "lm_head."];

    // Language models are decoders without the word; encoders have theirs before such names.
    static readonly string[] s_languageModels = ["model.layers.", "model.embed_tokens.", "lm_head."];

    /// <summary>
    /// A decoder's matrices meet a few tokens a step, but for the keys and values of what it attends to, which are made of all
    /// encoded frames at once; all others meet frames.
    /// </summary>
    public static WeightUse Of(string name)
    {
        bool decoder = name.Contains("decoder.", StringComparison.Ordinal)
            || s_languageModels.Any(root => name.StartsWith(root, StringComparison.Ordinal));
        bool crossing = name.Contains("encoder_attn.k_proj", StringComparison.Ordinal)
            || name.Contains("encoder_attn.v_proj", StringComparison.Ordinal);
        return decoder && !crossing ? WeightUse.FewRows : WeightUse.ManyRows;
    }

    /// <summary>Outputs and inputs of a matrix; null for what is none, or is only looked up.</summary>
    public static (int Outputs, int Inputs)? ShapeOf(ITensorStore tensors, string name)
    {
        if (!name.EndsWith("weight", StringComparison.Ordinal) || name.Contains("embed_positions", StringComparison.Ordinal)) return null;
        return tensors.Find(name) is { Shape: { Rank: 2 } shape } ? (shape[0], shape[1]) : null;
    }

    /// <summary>What is known of a checkpoint's weights when it is chosen what to compute them in.</summary>
    /// <param name="weights">Null where they are not known.</param>
    public static WeightChoice ChoiceOf(ITensorStore? weights) => new()
    {
        SavedAs = SavedAs(weights),
        Saved = Saved(weights),
        UseOf = Of,
        ShapeOf = weights is null ? null : name => ShapeOf(weights, name),
    };

    /// <summary>The quantised format that a parameter is saved in, by its name; null where all is plain numbers.</summary>
    public static Func<string, WeightFormat?>? SavedAs(ITensorStore? weights) => weights switch
    {
        ModelWeights model => model.FormatOf,
        QuantizedTensors quantized => quantized.FormatOf,
        _ => null,
    };

    static WeightFormat? Saved(ITensorStore? weights) => weights switch
    {
        ModelWeights { Quantized: { } quantized } => quantized.Format,
        ModelWeights model => model.Conversions.Where(form => form.ComputedIn is not null).MaxBy(form => form.Values)?.ComputedIn,
        QuantizedTensors quantized => quantized.Format,
        _ => null,
    };

    /// <summary>All matrices of a checkpoint.</summary>
    /// <param name="savedAs">The quantised format that a parameter is saved in; null where it is plain numbers.</param>
    public static IReadOnlyList<ModelMatrix> All(ITensorStore tensors, Func<string, WeightFormat?>? savedAs)
    {
        var matrices = new List<ModelMatrix>();
        foreach (var name in tensors.Names.Order(StringComparer.Ordinal))
        {
            if (ShapeOf(tensors, name) is not var (outputs, inputs)) continue;
            var use = Of(name);
            var owner = use == WeightUse.ManyRows ? "encoder"
                : s_tokenTables.Any(table => name.Contains(table, StringComparison.Ordinal)) ? "tokens" : "decoder";
            matrices.Add(new ModelMatrix(owner, name, new MatrixKind(use, savedAs?.Invoke(name), outputs, inputs)));
        }
        return matrices;
    }
}
