using System.Runtime.CompilerServices;

namespace Earshot.Transcription;

/// <summary>Segments by <see cref="TextRules"/>: their words joined stay their text.</summary>
static class SegmentRewriting
{
    public static async IAsyncEnumerable<Segment> Rewritten(
        this IAsyncEnumerable<Segment> segments, TextRules rules, bool continues,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var rewriter = new TextRewriter(rules, continues);
        await foreach (var segment in segments.WithCancellation(cancellationToken).ConfigureAwait(false))
            yield return Rewritten(segment, rewriter);
    }

    static Segment Rewritten(Segment segment, TextRewriter rewriter)
    {
        if (segment.Words is not { Count: > 0 } words || string.Concat(words.Select(word => word.Text)) != segment.Text)
            return segment with { Text = rewriter.Next(segment.Text, segment.Language) };
        Word[] rewritten = [.. words.Select(word => word with { Text = rewriter.Next(word.Text, segment.Language) })];
        return segment with { Text = string.Concat(rewritten.Select(word => word.Text)), Words = rewritten };
    }
}
