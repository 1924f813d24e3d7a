using System.Globalization;
using Earshot.Recognition;

namespace Earshot.Transcription;

/// <summary>
/// Listens for the language of a stream: after the first seconds, then again after twice as much while it is not sure. What was heard last
/// counts, since it heard most.
/// </summary>
/// <param name="first">How much is listened to first.</param>
/// <param name="most">How much is listened to at most.</param>
/// <param name="confidence">The probability from which on a language is believed.</param>
/// <param name="among">The languages that may be spoken, by code; empty for all.</param>
public sealed class LanguageProbe(TimeSpan first, TimeSpan most, float confidence, IReadOnlyList<string> among)
{
    string? _best;
    float _probability;
    TimeSpan _heard;

    /// <summary>How much sound, from the start, is to be listened to next; null where no more is wanted.</summary>
    public TimeSpan? Next { get; private set; } = first < most ? first : most;

    /// <summary>The likeliest language, sure or not; null before any was heard.</summary>
    public string? Likeliest => _best;

    /// <summary>How likely it is, among those that may be spoken.</summary>
    public float Probability => _probability;

    /// <summary>The language that is believed; null where none is.</summary>
    public string? Language => _best is not null && _probability >= confidence ? _best : null;

    /// <summary>How it is known.</summary>
    public string Source => _best is null
        ? "nothing was heard"
        : string.Create(
            CultureInfo.InvariantCulture,
            $"{(Language is null ? $"{_best} at best, " : "heard in ")}{_heard.TotalSeconds:0.#} s, {_probability:0.00}");

    /// <summary>What a model heard in the first of the sound.</summary>
    /// <param name="heard">How much it heard.</param>
    /// <param name="ended">Whether there is no more.</param>
    public void Add(TimeSpan heard, LanguageDetection detection, bool ended = false)
    {
        ArgumentNullException.ThrowIfNull(detection);
        var allowed = among.Count == 0 ? detection.Probabilities : detection.Probabilities.Where(pair => among.Contains(pair.Key));
        float sum = 0;
        (_best, _probability, _heard) = (null, 0, heard);
        foreach (var (code, probability) in allowed)
        {
            sum += probability;
            if (_best is null || probability > _probability) (_best, _probability) = (code, probability);
        }
        if (among.Count > 0) _probability = sum > 0 ? _probability / sum : 0;
        Next = Language is not null || ended || heard >= most ? null : TimeSpan.FromTicks(Math.Min(2 * heard.Ticks, most.Ticks));
    }
}
