using Earshot.Decoding;
using Earshot.Models;
using Earshot.Recognition;
using FsCheck;
using FsCheck.Fluent;

namespace Earshot.Tests.Decoding;

public class LogitFilterTests
{
    static readonly Tokenizers.WhisperTokenizer s_tokenizer = SmallTokenizer.English;
    static readonly int s_begin = s_tokenizer.TimestampBegin;

    [Fact]
    public void The_first_token_is_neither_blank_nor_the_end()
    {
        var filter = new SuppressBlank([32, s_tokenizer.EndOfText]);
        Assert.Equal([32, s_tokenizer.EndOfText], Forbidden(filter, []));
        Assert.Empty(Forbidden(filter, [65]));
    }

    [Fact]
    public void Suppressed_tokens_stay_suppressed()
    {
        var filter = new SuppressTokens([5, 3, 1_000_000]);
        Assert.Equal([3, 5], Forbidden(filter, []));
        Assert.Equal([3, 5], Forbidden(filter, [65, 66]));
    }

    [Fact]
    public void Special_tokens_are_suppressed_beside_the_list_that_is_given()
    {
        var generation = new WhisperGenerationConfig { AlignmentHeads = [], SuppressTokens = [7] };
        var filters = WhisperLogitFilters.For(
            new DecodingOptions { BeamSize = 1, BestOf = 1, WithoutTimestamps = true, SuppressBlank = false, SuppressTokens = [9] },
            s_tokenizer, generation);
        int[] expected =
        [
            9, s_tokenizer.StartOfTranscript, s_tokenizer.Translate, s_tokenizer.Transcribe, s_tokenizer.StartOfLm,
            s_tokenizer.StartOfPrevious, s_tokenizer.NoSpeech,
        ];
        Assert.Equal(expected.Order(), Forbidden(Assert.Single(filters), []));
    }

    [Fact]
    public void The_first_token_is_a_timestamp_within_the_limit()
    {
        var allowed = Allowed(new TimestampRules(s_tokenizer, 50), []);
        Assert.Equal(Enumerable.Range(s_begin, 51), allowed);
        Assert.Equal(1501, Allowed(new TimestampRules(s_tokenizer, null), []).Length);
        Assert.Equal([s_begin], Allowed(new TimestampRules(s_tokenizer, 0), []));
    }

    [Fact]
    public void After_a_first_timestamp_text_must_follow()
    {
        var allowed = Allowed(new TimestampRules(s_tokenizer, 50), [s_begin + 10]);
        Assert.DoesNotContain(allowed, token => token >= s_begin);
        Assert.Contains(65, allowed);
        Assert.DoesNotContain(s_tokenizer.NoTimestamps, allowed);
    }

    [Fact]
    public void After_the_timestamp_that_ends_a_segment_comes_the_next_start_or_the_end()
    {
        // The end is likelier than all timestamps together, so that it is not ruled out for that.
        var allowed = Allowed(new TimestampRules(s_tokenizer, 50), [s_begin + 10, 65, s_begin + 100], end: 50);
        Assert.All(allowed, token => Assert.True(token >= s_tokenizer.EndOfText));
        Assert.Contains(s_tokenizer.EndOfText, allowed);
        // The next segment may begin where this one ended.
        Assert.Equal(s_begin + 100, allowed.Where(token => token >= s_begin).Min());
    }

    [Fact]
    public void A_segment_cannot_be_without_length()
    {
        var logits = Flat();
        // Text is far likelier, so that the comparison of sums does not decide.
        logits.AsSpan(0, 256).Fill(50);
        new TimestampRules(s_tokenizer, 50).Apply(logits, [s_begin + 10, 65]);
        Assert.Equal(float.NegativeInfinity, logits[s_begin + 10]);
        Assert.True(float.IsFinite(logits[s_begin + 11]));
        Assert.True(float.IsFinite(logits[65]));
    }

    [Theory]
    [InlineData(3.9f, true)] // 1501 timestamps at 0 weigh log 1501 ≈ 7.31, all behind the tenth 7.30
    [InlineData(7.5f, false)]
    public void A_timestamp_is_forced_when_all_together_outweigh_each_text_token(float text, bool forced)
    {
        var logits = Flat();
        logits[65] = text;
        new TimestampRules(s_tokenizer, 50).Apply(logits, [s_begin + 10, 66]);
        Assert.Equal(forced, float.IsNegativeInfinity(logits[65]));
        Assert.True(float.IsFinite(logits[s_begin + 11]));
    }

    [Fact]
    public void Repetition_weakens_text_but_not_timestamps()
    {
        var filter = new RepetitionPenalty(2, s_tokenizer.EndOfText);
        var logits = Flat();
        (logits[65], logits[66], logits[s_begin]) = (4, -4, 4);
        filter.Apply(logits, [65, 66, 65, s_begin]);
        Assert.Equal((2, -8, 4), (logits[65], logits[66], logits[s_begin]));
    }

    [Fact]
    public void A_run_of_tokens_is_not_completed_twice()
    {
        var filter = new NoRepeatNgram(3, s_tokenizer.EndOfText);
        Assert.Equal([67], Forbidden(filter, [65, 66, 67, 80, 65, 66]));
        Assert.Empty(Forbidden(filter, [65, 66, 67, 80, 66, 65]));
        Assert.Empty(Forbidden(filter, [65]));
        Assert.Equal([65], Forbidden(new NoRepeatNgram(1, s_tokenizer.EndOfText), [65, s_begin]));
    }

    [Fact]
    public void Any_logits_give_timestamps_that_are_paired_and_never_run_backwards() => Prop.ForAll(
        ArbMap.Default.GeneratorFor<ulong>().Two().ToArbitrary(),
        seeds =>
        {
            using var runtime = new ScriptedRuntime(s_tokenizer, LanguageModels.Hashed(seeds.Item1, scale: (seeds.Item2 % 8) + 1));
            using var audio = runtime.Encode(new float[20], 20);
            var options = new DecodingOptions
            {
                BeamSize = 1,
                BestOf = 1,
                Temperature = seeds.Item2 % 3 == 0 ? 0 : 1,
                Seed = seeds.Item2,
                MaxNewTokens = 40,
            };
            CheckTimestamps(DecodingCalls.Task(runtime, s_tokenizer).Run(audio, options).Tokens);
        }).QuickCheckThrowOnFailure();

    static void CheckTimestamps(IReadOnlyList<int> tokens)
    {
        Assert.True(tokens[0] >= s_begin && tokens[0] <= s_begin + 50);
        int last = -1, run = 0;
        foreach (int token in tokens)
        {
            if (token < s_begin)
            {
                run = 0;
                continue;
            }
            Assert.InRange(++run, 1, 2);
            if (run == 2 || last < 0) Assert.True(token >= last);
            else Assert.True(token > last);
            last = token;
        }
    }

    static float[] Flat() => new float[s_tokenizer.VocabSize];

    static int[] Forbidden(LogitFilter filter, int[] sampled)
    {
        var logits = Flat();
        filter.Apply(logits, sampled);
        return [.. Enumerable.Range(0, logits.Length).Where(i => float.IsNegativeInfinity(logits[i]))];
    }

    static int[] Allowed(LogitFilter filter, int[] sampled, float end = 0)
    {
        var logits = Flat();
        logits[s_tokenizer.EndOfText] = end;
        filter.Apply(logits, sampled);
        return [.. Enumerable.Range(0, logits.Length).Where(i => !float.IsNegativeInfinity(logits[i]))];
    }
}
