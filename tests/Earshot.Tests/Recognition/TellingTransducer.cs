using Earshot.Compute;
using Earshot.Compute.Parts;

namespace Earshot.Tests.Recognition;

/// <summary>Takes the first values of a position as logits, whatever was said before.</summary>
internal sealed class TellingTransducer(int vocabSize, int blank, int[] durations, int width) : ITransducer
{
    public TransducerShape Shape { get; } = new()
    {
        VocabSize = vocabSize,
        Blank = blank,
        Durations = durations,
        EncodedWidth = width,
        Width = vocabSize + durations.Length,
        StateSizes = [],
    };

    public Tensor ProjectEncoded(Tensor encoded, Scope root) => encoded.Slice(^1, ..Shape.Outputs);

    public Tensor Predict(Tensor tokens, IReadOnlyList<RecurrentState> states, Scope root) =>
        tokens.Backend.Embed(tokens, (root / "tokens").Parameter("weight", new Shape(Shape.VocabSize, Shape.Width))) * 0;

    public Tensor Join(Tensor encoded, Tensor predicted, Scope root) => encoded + predicted;
}
