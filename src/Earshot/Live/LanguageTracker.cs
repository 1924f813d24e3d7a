using Earshot.Recognition;

namespace Earshot.Live;

/// <summary>
/// Which language a stream is in. The first sound decides for the time being; it is asked again with three seconds of each turn. A
/// language that is sure changes only for one that is as sure, over three seconds or in two turns that follow each other.
/// </summary>
sealed class LanguageTracker(string? given, bool tells)
{
    readonly bool _tells = given is null && tells;

    const float Sure = 0.8f;

    const double Long = 3, Short = 1;

    bool _askedInTurn, _askedLong;
    string? _candidate;

    public string? Current { get; private set; } = given;

    public float Probability { get; private set; } = given is null ? 0 : 1;

    /// <summary>Set where a detection changed the language, until it is taken.</summary>
    public bool HasChanged { get; private set; } = given is not null;

    public void BeginTurn() => (_askedInTurn, _askedLong) = (false, false);

    public void TakeChange() => HasChanged = false;

    /// <summary>Whether the next hearing should tell the language.</summary>
    /// <param name="seconds">Sound of the turn.</param>
    public bool Asks(double seconds, bool isLast)
    {
        if (!_tells) return false;
        if (Current is null) return true;
        return seconds >= Long ? !_askedLong : seconds >= Short && (isLast || (Probability < Sure && !_askedInTurn));
    }

    /// <summary>Takes what a hearing told, and says which language to write.</summary>
    public string Choose(LanguageDetection detection, double seconds)
    {
        _askedInTurn = true;
        if (seconds >= Long) _askedLong = true;
        var (language, probability) = (detection.Language, detection.Probability);
        if (language == Current)
        {
            (Probability, _candidate) = (Math.Max(Probability, probability), null);
            return Current;
        }
        bool again = language == _candidate;
        _candidate = probability >= Sure && seconds >= Short ? language : null;
        bool changes = Current is null
            || (Probability < Sure && probability > Probability)
            || (probability >= Sure && (seconds >= Long || (again && seconds >= Short)));
        if (!changes) return Current!;
        (Current, Probability, HasChanged, _candidate) = (language, probability, true, null);
        return language;
    }
}
