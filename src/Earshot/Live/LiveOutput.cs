using Earshot.Recognition;

namespace Earshot.Live;

/// <summary>Makes events of what is settled and what is open, in order, words' times growing.</summary>
sealed class LiveOutput(Func<LiveEvent, CancellationToken, ValueTask> emit)
{
    // No word is shorter.
    const double ShortestWord = 0.02;

    readonly SegmentCollector _segments = new();
    string _shown = "";
    double _end;

    /// <summary>How much sound was heard.</summary>
    public TimeSpan Heard { get; set; }

    /// <summary>The time spent computing since the last event.</summary>
    public TimeSpan Computed { get; set; }

    public ValueTask EmitAsync(LiveEvent happened, CancellationToken cancellationToken)
    {
        var computed = Computed;
        Computed = TimeSpan.Zero;
        return emit(happened with { Heard = Heard, Computed = computed }, cancellationToken);
    }

    public async ValueTask SettleAsync(Decision decision, bool showsPartials, string? language, CancellationToken cancellationToken)
    {
        if (decision.Final.Count > 0)
        {
            List<HeardWord> words = [.. decision.Final.Select(InOrder)];
            _shown = "";
            await EmitAsync(new LiveFinal([.. words.Select(SegmentCollector.ToWord)]), cancellationToken).ConfigureAwait(false);
            foreach (var word in words)
            {
                foreach (var segment in _segments.Add(word, language))
                    await EmitAsync(new LiveSegment(segment), cancellationToken).ConfigureAwait(false);
            }
        }
        var open = showsPartials ? decision.Partial : [];
        var text = string.Concat(open.Select(word => word.Text));
        if (text == _shown) return;
        _shown = text;
        await EmitAsync(new LivePartial([.. open.Select(SegmentCollector.ToWord)]), cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask EndTurnAsync(LiveSpeechStopped stopped, string? language, CancellationToken cancellationToken)
    {
        if (_segments.Close(language) is { } segment)
            await EmitAsync(new LiveSegment(segment), cancellationToken).ConfigureAwait(false);
        await EmitAsync(stopped, cancellationToken).ConfigureAwait(false);
    }

    // Hearings date words a little differently; what is final already stays where it is.
    HeardWord InOrder(HeardWord word)
    {
        double last = Math.Max(_end, Heard.TotalSeconds);
        double start = Math.Clamp(word.Start, _end, last), end = Math.Clamp(word.End, start, last);
        if (end - start < ShortestWord)
        {
            end = Math.Min(last, start + ShortestWord);
            start = Math.Max(_end, Math.Min(start, end - ShortestWord));
        }
        _end = end;
        return word with { Start = start, End = end };
    }
}
