using Earshot.Transcription;

namespace Earshot.Live;

/// <summary>
/// Ends turns by how what was said sounds (Smart Turn, <see cref="EndOfTurnDetector"/>) and how it reads: sooner where it is finished, later
/// where it is not. Streams may share one; the detector stays its owner's.
/// </summary>
/// <param name="detector">Hears the turn.</param>
/// <param name="options">The silences that are waited for, and what evidence weighs; null for the usual ones.</param>
public sealed class SemanticEndOfTurn(IEndOfTurnDetector detector, EndpointOptions? options = null) : IEndOfTurn
{
    readonly EndpointOptions _options = options ?? new EndpointOptions();

    public async ValueTask<TimeSpan?> WaitAsync(TurnSoFar turn, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(turn);
        float answer = await detector.ProbabilityAsync(turn.Samples, cancellationToken).ConfigureAwait(false);
        return _options.WaitFor(
            _options.EvidenceOf(TextEndings.Of(turn.Text, turn.Language)) +
            EndpointOptions.EvidenceOf(answer, _options.TurnThreshold ?? detector.Threshold));
    }
}
