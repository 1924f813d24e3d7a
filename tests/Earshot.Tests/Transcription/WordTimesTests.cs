using Earshot.Decoding;
using Earshot.Recognition;
using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

public class WordTimesTests
{
    static readonly WordTimesOptions s_options = new(10, 0, 1000, "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、");

    [Fact]
    public void The_median_filter_sorts_each_window_of_seven()
    {
        var random = new SeededRandom(1);
        foreach (int length in new[] { 4, 7, 16, 33, 250 })
        {
            float[] row = [.. Enumerable.Range(0, length).Select(_ => (float)random.NextDouble())];
            var expected = new float[length];
            for (int i = 0; i < length; i++)
            {
                expected[i] =
                    Enumerable.Range(i - 3, 7).Select(j => row[j < 0 ? -j : j >= length ? (2 * length) - 2 - j : j]).Order().ElementAt(3);
            }
            MedianFilter.Apply(row, new float[length + 6]);
            Assert.Equal(expected, row);
        }
        float[] tooShort = [3, 1, 2];
        MedianFilter.Apply(tooShort, new float[9]);
        Assert.Equal([3f, 1, 2], tooShort);
    }

    [Fact]
    public void Time_warping_gathers_as_much_as_any_path()
    {
        var random = new SeededRandom(2);
        for (int trial = 0; trial < 50; trial++)
        {
            int tokens = 1 + (int)(random.NextDouble() * 4), frames = tokens + (int)(random.NextDouble() * 4);
            float[] gain = [.. Enumerable.Range(0, tokens * frames).Select(_ => (float)random.NextDouble() - 0.5f)];
            var first = DynamicTimeWarping.FirstFrames(gain, tokens, frames);
            Assert.Equal(0, first[0]);
            Assert.Equal(Best(gain, tokens, frames, 0, 0), Gather(gain, frames, first), 1e-4);
        }
    }

    [Fact]
    public void The_alignment_matrix_is_the_references()
    {
        // Float64, step by step: softmax over the frames heard, mean and deviation over tokens, median, mean over heads.
        const int Tokens = 6, Heads = 2, Positions = 40, Frames = 25;
        var random = new SeededRandom(3);
        var scores = new double[Tokens, Heads, Positions];
        var attention = new float[Tokens * Heads * Positions];
        for (int t = 0; t < Tokens; t++)
        {
            for (int h = 0; h < Heads; h++)
            {
                double sum = 0;
                for (int p = 0; p < Positions; p++) sum += Math.Exp(scores[t, h, p] = random.NextDouble() * 4);
                for (int p = 0; p < Positions; p++)
                    attention[(((t * Heads) + h) * Positions) + p] = (float)(Math.Exp(scores[t, h, p]) / sum);
            }
        }
        var expected = Reference(scores, Tokens, Heads, Frames);
        var actual = AlignmentMatrix.Compute(attention, Tokens, Positions, Frames);
        for (int i = 0; i < actual.Length; i++) Assert.Equal(expected[i / Frames, i % Frames], actual[i], 1e-4);
    }

    [Fact]
    public void Punctuation_joins_its_word()
    {
        var words = Words(
            (" (", 0, 1), ("he", 1, 2), (")", 2, 3), (" said", 3, 4), (",", 4, 5), (" -", 5, 6), (" no", 6, 7), ("!", 7, 8), ("!", 8, 9));
        WordTimes.MergePunctuation(words, s_options.PrependPunctuations, s_options.AppendPunctuations);
        Assert.Equal([" (he)", " said,", " - no!!"], words.Select(w => w.Text).Where(text => text.Length > 0));
        Assert.Equal(9, words.Sum(w => w.TokenCount));
    }

    [Fact]
    public void Words_go_to_the_segments_that_spell_them()
    {
        var words = Words((" a", 0.1, 0.4), (" b", 0.4, 0.7), (" c", 1.0, 1.3), (".", 1.3, 1.6));
        SegmentDraft[] segments = [Segment(10, 10.7, [1000, 1, 2, 1035]), Segment(11, 12, [1050, 3, 4, 1100])];
        WordTimes.Assign(words, [.. segments], s_options);
        Assert.Equal([" a", " b"], segments[0].Words.Select(w => w.Text));
        Assert.Equal([" c."], segments[1].Words.Select(w => w.Text));
        Assert.Equal((10.1, 10.7), (segments[0].Start, segments[0].End));
        // A joined mark keeps the word's own times.
        Assert.Equal((11, 11.3), (segments[1].Start, segments[1].End));
    }

    [Fact]
    public void Words_at_sentence_ends_and_pauses_are_no_longer_than_twice_the_median()
    {
        var words = Words((" a", 0, 0.3), (" b", 0.3, 0.6), (".", 0.6, 5), (" c", 5, 9), (" d", 9, 9.3));
        var segment = Segment(10, 20, [1, 2, 3, 4, 5]);
        WordTimes.Assign(words, [segment], s_options);
        Assert.Equal([" a", " b.", " c", " d"], segment.Words.Select(w => w.Text));
        // The mark is shortened to 0.6 s before it joins; the word after it begins 0.6 s before its end, since the mark has
        // been set right already.
        Assert.Equal(18.4, segment.Words[2].Start, 1e-9);
    }

    [Fact]
    public void The_first_word_after_a_pause_is_shortened()
    {
        var words = Words((" a", 0, 4), (" b", 4, 4.3), (" c", 4.3, 4.6), (" d", 4.6, 4.9));
        var segment = Segment(10, 15, [1, 2, 3, 4]);
        WordTimes.Assign(words, [segment], s_options);
        Assert.Equal(13.4, segment.Words[0].Start, 1e-9);
        Assert.Equal((13.4, 14.9), (Math.Round(segment.Start, 6), segment.End));
    }

    [Theory]
    [InlineData(0.9f, 0.3, 0)]
    [InlineData(0.1f, 0.3, 1)]
    [InlineData(0.9f, 0.033, 1.5)]
    [InlineData(0.1f, 3.5, 2.5)]
    public void Words_look_made_up_by_their_probability_and_duration(float probability, double duration, double score) =>
        Assert.Equal(
            score, HallucinationSkip.Score(
                new WordDraft { Text = " a", TokenCount = 1, Start = 1, End = 1 + duration, Probability = probability }), 1e-9);

    [Fact]
    public void Silence_before_made_up_words_is_skipped()
    {
        var skip = new HallucinationSkip(2);
        var place = new WindowPlace(1000, 3000, 3000);
        var bad = Segment(15, 16, [1], Word(15, 15.01, 0.05f));
        Assert.Equal(1500, skip.SkipLeadingSilence([bad], place));
        Assert.Null(skip.SkipLeadingSilence([Segment(15, 16, [1], Word(15, 15.5, 0.9f))], place));
        Assert.Null(skip.SkipLeadingSilence([Segment(11, 12, [1], Word(11, 11.01, 0.05f))], place));
    }

    [Fact]
    public void Made_up_words_between_silences_are_dropped_with_what_follows()
    {
        var skip = new HallucinationSkip(2);
        var place = new WindowPlace(1000, 3000, 3000);
        var good = Segment(10, 14, [1], Word(10, 10.5, 0.9f), Word(13.5, 14, 0.9f));
        var bad = Segment(20, 20.1, [1], Word(20, 20.05, 0.05f));
        var later = Segment(30, 31, [1], Word(30, 30.5, 0.9f), Word(30.5, 31, 0.9f));
        List<SegmentDraft> segments = [good, bad, later];
        Assert.Equal(2000, skip.DropSurroundedBySilence(segments, place, 9, null));
        Assert.Equal([good], segments);

        // Speech close by on one side: they stay.
        segments = [Segment(10, 19, [1], Word(18, 19, 0.9f)), bad, later];
        Assert.Null(skip.DropSurroundedBySilence(segments, place, 9, null));
        Assert.Equal(3, segments.Count);

        // Close to the recording's end nothing is left to hear.
        segments = [good, bad];
        Assert.Equal(2100, skip.DropSurroundedBySilence(segments, place, 9, 2100));
    }

    static double[,] Reference(double[,,] scores, int tokens, int heads, int frames)
    {
        var mean = new double[tokens, frames];
        for (int h = 0; h < heads; h++)
        {
            var head = new double[tokens, frames];
            for (int t = 0; t < tokens; t++)
            {
                double sum = Enumerable.Range(0, frames).Sum(f => Math.Exp(scores[t, h, f]));
                for (int f = 0; f < frames; f++) head[t, f] = Math.Exp(scores[t, h, f]) / sum;
            }
            for (int f = 0; f < frames; f++)
            {
                double average = Enumerable.Range(0, tokens).Average(t => head[t, f]);
                double deviation = Math.Sqrt(Enumerable.Range(0, tokens).Average(t => Math.Pow(head[t, f] - average, 2)));
                for (int t = 0; t < tokens; t++) head[t, f] = (head[t, f] - average) / deviation;
            }
            for (int t = 0; t < tokens; t++)
            {
                for (int f = 0; f < frames; f++)
                {
                    double median = Enumerable.Range(f - 3, 7).Select(j => head[t, j < 0 ? -j : j >= frames ? (2 * frames) - 2 - j : j])
                        .Order().ElementAt(3);
                    mean[t, f] += median / heads;
                }
            }
        }
        return mean;
    }

    static double Best(float[] gain, int tokens, int frames, int t, int f)
    {
        double here = gain[(t * frames) + f];
        if (t == tokens - 1 && f == frames - 1) return here;
        double best = double.NegativeInfinity;
        if (t + 1 < tokens) best = Math.Max(best, Best(gain, tokens, frames, t + 1, f));
        if (f + 1 < frames) best = Math.Max(best, Best(gain, tokens, frames, t, f + 1));
        if (t + 1 < tokens && f + 1 < frames) best = Math.Max(best, Best(gain, tokens, frames, t + 1, f + 1));
        return here + best;
    }

    /// <summary>
    /// The most that a path with these first frames can gather: between them it goes along the frames, or aslant at the end.
    /// </summary>
    static double Gather(float[] gain, int frames, int[] first)
    {
        double sum = 0;
        for (int t = 0; t < first.Length; t++)
        {
            int end = t + 1 < first.Length ? first[t + 1] : frames - 1;
            double row = 0;
            for (int f = first[t]; f < end; f++) row += gain[(t * frames) + f];
            double last = gain[(t * frames) + end];
            // Into the next token straight down, or aslant without this cell; the first cell always counts.
            sum += t + 1 == first.Length || end == first[t] ? row + last : row + Math.Max(0, last);
        }
        return sum;
    }

    static List<WordDraft> Words(params (string Text, double Start, double End)[] words) =>
        [.. words.Select(w => new WordDraft { Text = w.Text, TokenCount = 1, Start = w.Start, End = w.End, Probability = 0.9f })];

    static WordDraft Word(double start, double end, float probability) =>
        new() { Text = " a", TokenCount = 1, Start = start, End = end, Probability = probability };

    static SegmentDraft Segment(double start, double end, int[] tokens, params WordDraft[] words)
    {
        var segment = new SegmentDraft { Start = start, End = end, Range = .., Tokens = tokens };
        segment.Words.AddRange(words);
        return segment;
    }
}
