using Earshot.Compute.Cpu;

namespace Earshot.Checkpoints;

/// <summary>How a model's matrices are used, by the names that checkpoints give them.</summary>
static class MatrixUse
{
    /// <summary>
    /// A decoder's matrices meet a few tokens a step, but for the keys and values of what it attends to, which are made of all
    /// encoded frames at once; all others meet frames.
    /// </summary>
    public static WeightUse Of(string name)
    {
        bool decoder = name.Contains("decoder.", StringComparison.Ordinal);
        bool crossing = name.Contains("encoder_attn.k_proj", StringComparison.Ordinal)
            || name.Contains("encoder_attn.v_proj", StringComparison.Ordinal);
        return decoder && !crossing ? WeightUse.FewRows : WeightUse.ManyRows;
    }
}
