namespace Earshot.Transcription;

/// <summary>
/// A piece of text of a cue, and when it is said: a word with what sets it apart from the one before, or a whole segment.
/// </summary>
readonly record struct CuePart(string Text, TimeSpan Start, TimeSpan End, int? Channel = null);

/// <summary>
/// Lays words out in lines and cues as openai/whisper's subtitle writers do: a cue a segment, or, where both lines and
/// their width are limited, as many words as fit, with a new cue after a pause of more than 3 s.
/// </summary>
sealed class CueBuilder(TranscriptWriterOptions options)
{
    static readonly TimeSpan s_longPause = TimeSpan.FromSeconds(3);

    readonly bool _cueIsSegment = options.MaxLineCount is null || options.MaxLineWidth is null;
    List<CuePart> _cue = [];
    int _lineLength;
    int _lines = 1;
    TimeSpan? _last;
    int? _channel;

    /// <summary>Takes a segment and gives the cues that it completes.</summary>
    public IEnumerable<List<CuePart>> Add(Segment segment)
    {
        // A cue is one speaker's: it neither goes on in another channel nor holds words of both.
        bool turn = segment.Channel != _channel;
        _channel = segment.Channel;
        if ((turn || segment.Words is not { Count: > 0 }) && Finish() is { } before) yield return before;
        if (turn) _last = null;
        if (segment.Words is not { Count: > 0 } words)
        {
            if (!string.IsNullOrWhiteSpace(segment.Text))
                yield return [new CuePart(Safe(segment.Text.Trim()), segment.Start, segment.End, _channel)];
            yield break;
        }
        for (int i = 0; i < words.Count; i++)
        {
            bool begins = i % (options.MaxWordsPerLine ?? int.MaxValue) == 0;
            if (Place(words[i], begins) is { } done) yield return done;
        }
    }

    /// <summary>The last cue; null where there is none.</summary>
    public List<CuePart>? Finish()
    {
        if (_cue.Count == 0) return null;
        var done = _cue;
        _cue = [];
        (_lineLength, _lines) = (0, 1);
        return done;
    }

    /// <summary>Adds a word; the cue before it where it begins a new one.</summary>
    List<CuePart>? Place(Word word, bool begins)
    {
        var text = Safe(word.Text);
        bool longPause = !_cueIsSegment && word.Start - (_last ?? word.Start) > s_longPause;
        bool newSegment = begins && _cue.Count > 0 && _cueIsSegment;
        bool fits = _lineLength + text.Length <= (options.MaxLineWidth ?? int.MaxValue);
        _last = word.Start;
        if (_lineLength > 0 && fits && !longPause && !newSegment)
        {
            _lineLength += text.Length;
            _cue.Add(new CuePart(text, word.Start, word.End, _channel));
            return null;
        }
        text = text.Trim();
        bool full = options.MaxLineCount is { } most && (longPause || _lines >= most);
        List<CuePart>? done = null;
        if (_cue.Count > 0 && (full || newSegment)) done = Finish();
        else if (_lineLength > 0) _lines++;
        _cue.Add(new CuePart(_lineLength > 0 ? "\n" + text : text, word.Start, word.End, _channel));
        _lineLength = text.Length;
        return done;
    }

    /// <summary>The arrow that stands between times must not stand in text.</summary>
    static string Safe(string text) => text.Replace("-->", "->", StringComparison.Ordinal);
}
