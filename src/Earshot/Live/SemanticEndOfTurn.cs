using Earshot.Transcription;

namespace Earshot.Live;

/// <summary>
/// Tells by how a turn sounds and reads whether it is over: an end-of-turn detector's answer and the end of the text, weighed as
/// <see cref="EndpointOptions"/> says. What sounds and reads finished ends after a short silence, what does not is waited for longer.
/// </summary>
/// <param name="detector">
/// Such as the bundled <see cref="EndOfTurnDetector"/>; shared between streams, and not disposed of. Null: the text alone tells.
/// </param>
/// <param name="options">
/// Waits and weights; null for their defaults. Where speech begins and pauses, and how long into a pause this is asked, is up to
/// <see cref="TurnOptions"/>.
/// </param>
/// <exception cref="ArgumentException">An option is out of its range.</exception>
public sealed class SemanticEndOfTurn(IEndOfTurnDetector? detector, EndpointOptions? options = null) : IEndOfTurn
{
    readonly EndpointOptions _options = Valid(options ?? new EndpointOptions());

    /// <inheritdoc/>
    public async ValueTask<TimeSpan?> WaitAsync(TurnSoFar turn, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(turn);
        double evidence = _options.EvidenceOf(TextEndings.Of(turn.Text, turn.Language));
        if (detector is not null)
        {
            float answer = await detector.ProbabilityAsync(turn.Samples, cancellationToken).ConfigureAwait(false);
            evidence += EndpointOptions.EvidenceOf(answer, _options.TurnThreshold ?? detector.Threshold);
        }
        return evidence == 0 ? null : _options.WaitFor(evidence);
    }

    static EndpointOptions Valid(EndpointOptions options)
    {
        options.Validate();
        return options;
    }
}
