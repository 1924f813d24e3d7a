namespace Earshot.Recognition;

/// <summary>
/// A stretch of a recording that is longer than a window, and is recognised as a whole: its sound is read piece by piece and not kept.
/// </summary>
sealed record LongWindow
{
    /// <summary>The sound from <see cref="Before"/> samples before the stretch to a little behind it, one piece after the other.</summary>
    public required IEnumerable<AudioWindow> Pieces { get; init; }

    /// <summary>Samples that are heard before it.</summary>
    public int Before { get; init; }

    /// <summary>Its samples at most.</summary>
    public required int Most { get; init; }

    /// <summary>Samples of the pieces, as far as is known; more may come, or fewer.</summary>
    public int Expected { get; init; }

    /// <summary>Where it begins in the recording, in seconds.</summary>
    public double StartTime { get; init; }

    /// <summary>Whether nothing follows; known when the pieces were read.</summary>
    public required Func<bool> IsLast { get; init; }
}
