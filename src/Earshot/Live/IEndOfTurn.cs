namespace Earshot.Live;

/// <summary>
/// Tells from what was said, and how, whether a speaker has finished. It is asked once in a pause, <see cref="TurnOptions.EarlyLook"/>
/// into it, and shortens or lengthens the silence that is waited for.
/// </summary>
public interface IEndOfTurn
{
    /// <summary>
    /// The silence after which the turn is over, counted from its beginning; null for <see cref="TurnOptions.Hangover"/>.
    /// </summary>
    ValueTask<TimeSpan?> WaitAsync(TurnSoFar turn, CancellationToken cancellationToken = default);
}

/// <summary>A turn that may be over.</summary>
public sealed record TurnSoFar
{
    /// <summary>The turn's sound at 16 kHz, at most its last 8 s, up to and with the pause; read until the answer is there.</summary>
    public required ReadOnlyMemory<float> Samples { get; init; }

    /// <summary>What was said in it, final words and others; empty where the policy has not heard it yet.</summary>
    public required string Text { get; init; }

    /// <summary>The language's code; null where it is not known.</summary>
    public string? Language { get; init; }

    /// <summary>The silence so far.</summary>
    public TimeSpan Silence { get; init; }
}
