using Earshot.Compute;
using Earshot.Compute.Parts;

namespace Earshot.Models;

/// <summary>A matrix that makes a token, or the blank behind them all, of each position.</summary>
/// <param name="Name">Where the checkpoint has it.</param>
/// <param name="VocabSize">Tokens, the blank among them.</param>
sealed record ConformerCtcHead(string Name, int VocabSize) : ICtcHead
{
    public int Blank => VocabSize - 1;

    public Tensor Logits(Tensor encoded, Scope root) => encoded.Linear(root / Name, VocabSize);
}
