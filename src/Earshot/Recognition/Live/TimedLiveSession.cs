namespace Earshot.Recognition;

/// <summary>
/// Hears with a model that tells times and takes no settled text: its words are those whose middle lies behind what is settled.
/// </summary>
sealed class TimedLiveSession(RecognitionSession session) : LiveSession
{
    public override async ValueTask<HeardText> HearAsync(LiveWindow window, CancellationToken cancellationToken)
    {
        var sound = new AudioWindow
        {
            Samples = window.Samples,
            Before = window.Before,
            StartTime = window.StartTime,
            StandsAlone = true,
            IsLast = true,
        };
        var context = new RecognitionContext { Language = window.Language, LastSpeech = window.SettledEnd };
        var heard = await session.RecognizeAsync(sound, context, cancellationToken).ConfigureAwait(false);
        return new HeardText
        {
            Words = [.. heard.Segments.SelectMany(Words).Where(word => (word.Start + word.End) / 2 > window.SettledEnd)],
            IsSilent = heard.IsSilent,
            Language = heard.Result.Language,
            AvgLogprob = heard.Result.AvgLogprob,
            NoSpeechProb = heard.Result.NoSpeechProb,
        };
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) session.Dispose();
        base.Dispose(disposing);
    }

    static IEnumerable<HeardWord> Words(SegmentDraft segment)
    {
        int token = 0;
        foreach (var word in segment.Words)
        {
            var tokens = segment.Tokens[token..(token + word.TokenCount)];
            token += word.TokenCount;
            yield return new HeardWord(word.Text, tokens, word.Start, word.End, word.End, word.Probability);
        }
    }
}
