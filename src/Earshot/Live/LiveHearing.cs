using Earshot.Audio;
using Earshot.Recognition;
using Earshot.Transcription;

namespace Earshot.Live;

/// <summary>Sound to be heard; times in seconds of the stream.</summary>
sealed record HeardSound
{
    public required ReadOnlyMemory<float> Samples { get; init; }

    public required ReadOnlyMemory<float> Before { get; init; }

    public required double Start { get; init; }

    public required double End { get; init; }

    /// <summary>How long the turn is.</summary>
    public required double TurnSeconds { get; init; }

    public required int BeamSize { get; init; }

    public required long Deadline { get; init; }

    public required bool IsLast { get; init; }
}

/// <summary>
/// Hears a turn's sound with what is settled of it, and remembers what the next hearing depends on: settled words, what was said before,
/// the language.
/// </summary>
sealed class LiveHearing(LiveParts parts, LiveOptions options, LiveOutput output) : IDisposable
{
    readonly ContextTokens _context = new(parts.Prompt, false, options.ContextTokens);
    readonly LanguageTracker _language = new(parts.Language, parts.TellsLanguage);
    // Final words of the sound that is still kept.
    readonly List<HeardWord> _settled = [];
    double _settledEnd;

    public int SamplesBefore => parts.SamplesBefore;

    public string? Language => _language.Current;

    /// <summary>The settled words of the sound that is kept.</summary>
    public string SettledText => string.Concat(_settled.Select(word => word.Text));

    public void BeginTurn() => _language.BeginTurn();

    public void Dispose() => parts.Session.Dispose();

    /// <summary>Hears, and settles what the policy says.</summary>
    public async ValueTask<Decision> HearAsync(ILiveDecider decider, HeardSound sound, CancellationToken cancellationToken)
    {
        long started = options.Clock.GetTimestamp();
        var window = Window(decider, sound);
        var heard = await parts.Session.HearAsync(window, cancellationToken).ConfigureAwait(false);
        if (EchoGuard.IsEcho(window.Prompt.Span, heard.Words))
        {
            // What is really said once more is heard without the prompt too.
            _context.Reset();
            heard = await parts.Session.HearAsync(window with { Prompt = default }, cancellationToken).ConfigureAwait(false);
        }
        var took = options.Clock.GetElapsedTime(started);
        output.Computed += took;
        LiveMetrics.Heard(took);
        if (_language.HasChanged && _language.Current is { } language)
        {
            _language.TakeChange();
            await output.EmitAsync(new LiveLanguage(language, _language.Probability), cancellationToken).ConfigureAwait(false);
        }
        int sane = LoopGuard.Sound(_settled, heard.Words);
        if (sane < heard.Words.Count)
        {
            heard = heard with { Words = [.. heard.Words.Take(sane)] };
            _context.Reset();
        }
        var decision = decider.Decide(heard, sound.Start, sound.End, sound.IsLast);
        Settle(decision.Final, decider.GoesOn);
        return decision;
    }

    /// <summary>Words are final.</summary>
    /// <param name="kept">Whether their sound is heard again.</param>
    public void Settle(IReadOnlyList<HeardWord> words, bool kept)
    {
        if (words.Count == 0) return;
        _settledEnd = Math.Max(_settledEnd, words[^1].End);
        if (kept) _settled.AddRange(words);
        else foreach (var word in words) _context.Add(word.Tokens);
    }

    /// <summary>The sound heard so far is not heard again.</summary>
    public void EndTurn() => MoveToContext(_settled.Count);

    /// <summary>
    /// Finds the place to cut off settled sound, between two words of it, at a pause or a sentence's end if there is one, so that about
    /// half of the buffer is left; where no place is, the start.
    /// </summary>
    public long CutSettled(long start, long mostBuffer)
    {
        double earliest = ((double)start / SampleStream.SampleRate) + ((double)mostBuffer / SampleStream.SampleRate / 2);
        int best = 0;
        double bestScore = double.NegativeInfinity;
        // The word before what is open stays: the model finds its way from it.
        for (int i = 1; i < _settled.Count; i++)
        {
            double score = Score(i, earliest);
            if (score >= bestScore) (best, bestScore) = (i, score);
        }
        if (best == 0) return start;
        double place = (_settled[best - 1].End + _settled[best].Start) / 2;
        MoveToContext(best);
        return Math.Max(start, (long)(place * SampleStream.SampleRate));
    }

    double Score(int word, double earliest)
    {
        double pause = Math.Min(1, _settled[word].Start - _settled[word - 1].End);
        double sentence = _settled[word - 1].Text.TrimEnd() is [.., '.' or '?' or '!' or '。'] ? 0.5 : 0;
        // Too early a cut leaves a long buffer, which costs time with every hearing; a late one little to find the way from.
        double late = _settled[word].Start - earliest;
        return pause + sentence - (late < 0 ? -late : late / 10);
    }

    void MoveToContext(int words)
    {
        for (int i = 0; i < words; i++) _context.Add(_settled[i].Tokens);
        _settled.RemoveRange(0, words);
    }

    LiveWindow Window(ILiveDecider decider, HeardSound sound)
    {
        bool asks = _language.Asks(sound.TurnSeconds, sound.IsLast || decider.Step is null);
        return new LiveWindow
        {
            Samples = sound.Samples,
            Before = sound.Before,
            StartTime = sound.Start,
            Settled = _settled.SelectMany(word => word.Tokens).ToArray(),
            SettledEnd = _settledEnd,
            Prompt = decider.Overlap > 0 ? default(ReadOnlyMemory<int>) : _context.Prompt,
            Language = _language.Current,
            Choose = asks ? detection => _language.Choose(detection, sound.TurnSeconds) : null,
            BeamSize = sound.BeamSize,
            MayTryAgain = decider.Step is null,
            Deadline = sound.Deadline,
        };
    }
}
