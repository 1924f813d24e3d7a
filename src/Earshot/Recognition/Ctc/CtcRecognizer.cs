using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Models;

namespace Earshot.Recognition;

/// <summary>
/// Recognises with an encoder and a CTC head: every position says a letter or nothing, so that there is no prompt either.
/// </summary>
public sealed class CtcRecognizer : TimedRecognizer
{
    readonly CtcGreedyDecoder _decoder;

    /// <param name="model">What the model is.</param>
    /// <param name="runtime">Where it runs; disposed of with this.</param>
    /// <exception cref="ModelException">The model has no CTC head, no encoder or no features.</exception>
    public CtcRecognizer(SpeechModel model, ModelRuntime runtime) : base(model, runtime)
    {
        var head = model.Parts.Ctc ?? throw new ModelException($"'{model.Info.Name}' has no CTC head.");
        _decoder = new CtcGreedyDecoder(head.VocabSize, head.Blank);
    }

    internal override ValueTask<IReadOnlyList<TimedToken>> WriteAsync(
        HeardWindow heard, RecognitionContext context, CancellationToken cancellationToken) =>
        new(_decoder.Decode(heard.Audio.Values.Span[..((heard.First + heard.Positions) * Encoder.ValueWidth)], heard.First));
}
