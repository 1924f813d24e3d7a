using Earshot.Checkpoints;

namespace Earshot.Models;

/// <summary>
/// A model with a smaller one beside it that guesses tokens ahead: both encode each window, and greedy decoding lets the main
/// model check the draft's guesses. The tokens are those that the main model would have written alone.
/// </summary>
public sealed class DraftedRuntime : WhisperRuntime
{
    /// <param name="main">The model whose transcript is wanted; disposed of with this.</param>
    /// <param name="draft">A faster model with the same vocabulary and features; disposed of with this.</param>
    /// <exception cref="ModelException">The two do not fit together.</exception>
    public DraftedRuntime(WhisperRuntime main, WhisperRuntime draft)
    {
        ArgumentNullException.ThrowIfNull(main);
        ArgumentNullException.ThrowIfNull(draft);
        if (main.Config.VocabSize != draft.Config.VocabSize || main.Config.NumMelBins != draft.Config.NumMelBins)
        {
            throw new ModelException(
                $"The draft model has {draft.Config.VocabSize} tokens and {draft.Config.NumMelBins} mels, the main model {main.Config.VocabSize} and {main.Config.NumMelBins}; " +
                "they must be equal. Use a draft of the same family: English-only with English-only, large-v3-turbo with large-v3.");
        }
        Main = main;
        Draft = draft;
    }

    public WhisperRuntime Main { get; }

    public WhisperRuntime Draft { get; }

    public override WhisperConfig Config => Main.Config;

    public override GenerationConfig Generation => Main.Generation;

    public override EncodedAudio Encode(ReadOnlySpan<float> features, int frames, CancellationToken cancellationToken = default)
    {
        var main = Main.Encode(features, frames, cancellationToken);
        try
        {
            return new DraftedAudio(main, Draft.Encode(features, frames, cancellationToken));
        }
        catch
        {
            main.Dispose();
            throw;
        }
    }

    public override WhisperDecoder CreateDecoder(EncodedAudio audio, int rows, CancellationToken cancellationToken = default) =>
        Main.CreateDecoder(Own(audio).Main, rows, cancellationToken);

    /// <summary>A decoder of the draft model over the same window, for one hypothesis.</summary>
    public WhisperDecoder CreateDraftDecoder(EncodedAudio audio, CancellationToken cancellationToken = default) =>
        Draft.CreateDecoder(Own(audio).Draft, 1, cancellationToken);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Main.Dispose();
            Draft.Dispose();
        }
        base.Dispose(disposing);
    }

    static DraftedAudio Own(EncodedAudio audio) =>
        audio as DraftedAudio ?? throw new ModelException($"Audio encoded by {audio?.GetType().Name ?? "nothing"} cannot be decoded by {nameof(DraftedRuntime)}.");

    sealed class DraftedAudio(EncodedAudio main, EncodedAudio draft) : EncodedAudio
    {
        public EncodedAudio Main => main;

        public EncodedAudio Draft => draft;

        public override int Positions => main.Positions;

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                main.Dispose();
                draft.Dispose();
            }
            base.Dispose(disposing);
        }
    }
}
