namespace Earshot.Live;

/// <summary>
/// Chooses the pace of a stream from the sound that waits: a level down when there is too much, one up when there is little. Looked at
/// before each hearing, so that the list of its choices says all about a stream beside its sound.
/// </summary>
sealed class PaceControl(TimeSpan mostLag, IReadOnlyList<(long Position, LivePace Pace)>? replayed)
{
    int _next;

    public LivePace Pace { get; private set; }

    /// <summary>Hearings that are left out, for one that is not.</summary>
    public int StepFactor => Pace switch { LivePace.Full => 1, LivePace.NoPartials => 8, _ => 2 };

    public bool IsGreedy => Pace >= LivePace.Greedy;

    public bool ShowsPartials => Pace < LivePace.NoPartials;

    /// <summary>Looks at the lag at a place; true where the pace changes there.</summary>
    public bool Look(long position, TimeSpan lag)
    {
        var before = Pace;
        if (replayed is not null)
        {
            for (; _next < replayed.Count && replayed[_next].Position <= position; _next++) Pace = replayed[_next].Pace;
        }
        else if (lag > mostLag && Pace < LivePace.NoPartials)
        {
            Pace++;
        }
        else if (lag < mostLag / 4 && Pace > LivePace.Full)
        {
            Pace--;
        }
        return Pace != before;
    }
}
