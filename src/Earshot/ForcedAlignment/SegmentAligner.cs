using Earshot.Audio;
using Earshot.Transcription;

namespace Earshot.ForcedAlignment;

/// <summary>
/// Gives the words of a transcript the times at which a CTC model hears them, segment by segment as they come. A segment that it cannot
/// align, or does not hear, keeps its times.
/// </summary>
/// <param name="aligner">What aligns; it stays its owner's.</param>
/// <param name="source">The recording that was transcribed, from its beginning on.</param>
public sealed class SegmentAligner(Aligner aligner, ISampleSource source)
{
    // Sound around a segment that its words may reach into, and the longest that is aligned.
    static readonly TimeSpan s_around = TimeSpan.FromSeconds(0.5), s_longest = TimeSpan.FromMinutes(2);

    float[] _samples = [];
    long _first;
    int _count;
    bool _ended;
    TimeSpan _last;

    /// <summary>Segments that kept their times so far.</summary>
    public int Kept { get; private set; }

    /// <summary>A segment with better times; those of a recording are to be given in order.</summary>
    public async ValueTask<Segment> AlignAsync(Segment segment, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(segment);
        var start = Later(segment.Start - s_around, _last);
        var end = segment.End + s_around;
        if (string.IsNullOrWhiteSpace(segment.Text)) return segment;
        if (end <= start || end - start > s_longest) return Keep(segment);
        var samples = Read(start, end);
        try
        {
            var alignment = await aligner
                .AlignAsync(new MemorySamples(samples), segment.Text, aligner.Knows(segment.Language), cancellationToken: cancellationToken)
                .ConfigureAwait(false);
            if (alignment.Verdict == AlignmentVerdict.DoesNotMatch) return Keep(segment);
            var words = Words(segment, alignment, start);
            _last = words[^1].End;
            return segment with { Start = words[0].Start, End = words[^1].End, Words = words };
        }
        catch (ModelException)
        {
            return Keep(segment);
        }
    }

    // What is kept must not reach back into what was moved.
    Segment Keep(Segment segment)
    {
        Kept++;
        if (segment.Start >= _last || segment.End <= _last)
        {
            _last = Later(_last, segment.End);
            return segment;
        }
        var first = _last;
        _last = segment.End;
        return segment with
        {
            Start = first,
            Words = segment.Words is null
                ? null
                : [.. segment.Words.Select(word => word with { Start = Later(word.Start, first), End = Later(word.End, first) })],
        };
    }

    /// <summary>The aligned words, or the transcript's own where it has some, by the letters that they have in common.</summary>
    static List<Word> Words(Segment segment, TextAlignment alignment, TimeSpan start)
    {
        if (segment.Words is not { Count: > 0 } words || string.Concat(words.Select(word => word.Text)).Trim() != segment.Text.Trim())
            return [.. alignment.Words.Select(word => new Word(word.Text, start + word.Start, start + word.End, word.Score ?? 0))];
        // Letters that are no space, by number, and the aligned word that each is of.
        var places = alignment.Words.SelectMany(word =>
        {
            int letters = Letters(word.Text);
            return Enumerable.Range(0, letters).Select(i => (Word: word, Part: i, Of: letters));
        }).ToArray();
        var moved = new List<Word>();
        int at = 0;
        foreach (var word in words)
        {
            int count = Letters(word.Text);
            if (count == 0 || at + count > places.Length)
            {
                var last = moved.Count > 0 ? moved[^1].End : start;
                moved.Add(word with { Start = last, End = last });
                continue;
            }
            var (first, final) = (places[at], places[at + count - 1]);
            moved.Add(word with
            {
                Start = start + At(first.Word, first.Part, first.Of),
                End = start + At(final.Word, final.Part + 1, final.Of),
            });
            at += count;
        }
        return moved;

        static int Letters(string text) => text.Count(c => !char.IsWhiteSpace(c));

        static TimeSpan At(AlignedWord word, int part, int of) => word.Start + ((word.End - word.Start) * ((double)part / of));
    }

    /// <summary>Reads on to a time, and forgets what lies before another.</summary>
    ReadOnlyMemory<float> Read(TimeSpan start, TimeSpan end)
    {
        long from = Samples(start), to = Samples(end);
        int gone = (int)Math.Clamp(from - _first, 0, _count);
        _samples.AsSpan(gone, _count - gone).CopyTo(_samples);
        (_first, _count) = (_first + gone, _count - gone);
        var skipped = new float[1 << 14];
        while (!_ended && _count == 0 && _first < from)
        {
            int read = source.Read(skipped.AsSpan(0, (int)Math.Min(skipped.Length, from - _first)));
            _ended = read == 0;
            _first += read;
        }
        if (_samples.Length < to - _first) Array.Resize(ref _samples, (int)(to - _first));
        while (!_ended && _first + _count < to)
        {
            int read = source.Read(_samples.AsSpan(_count, (int)(to - _first - _count)));
            _ended = read == 0;
            _count += read;
        }
        int skip = (int)Math.Clamp(from - _first, 0, _count);
        return _samples.AsMemory(skip, (int)Math.Min(to - from, _count - skip));
    }

    static long Samples(TimeSpan time) => (long)Math.Round(Math.Max(0, time.TotalSeconds) * SampleStream.SampleRate);

    static TimeSpan Later(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
