using Earshot.Decoding;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Recognition;

/// <summary>The filters that options and a checkpoint ask for.</summary>
static class WhisperLogitFilters
{
    /// <summary>In the order in which they apply.</summary>
    public static LogitFilter[] For(DecodingOptions options, WhisperTokenizer tokenizer, WhisperGenerationConfig generation)
    {
        var filters = new List<LogitFilter>();
        if (options.RepetitionPenalty != 1) filters.Add(new RepetitionPenalty(options.RepetitionPenalty, tokenizer.EndOfText));
        if (options.NoRepeatNgramSize > 0) filters.Add(new NoRepeatNgram(options.NoRepeatNgramSize, tokenizer.EndOfText));
        if (options.SuppressBlank)
            filters.Add(new SuppressBlank(generation.BeginSuppressTokens ?? [.. tokenizer.Encode(" "), tokenizer.EndOfText]));
        filters.Add(new SuppressTokens(SuppressedTokens(options, tokenizer, generation)));
        // The last, because its comparison of text and timestamps counts only what the others leave.
        if (options.WithoutTimestamps != true)
            filters.Add(new TimestampRules(tokenizer, TimestampRules.IndexOf(options.MaxInitialTimestamp, generation)));
        return [.. filters];
    }

    static HashSet<int> SuppressedTokens(DecodingOptions options, WhisperTokenizer tokenizer, WhisperGenerationConfig generation)
    {
        HashSet<int> tokens = [.. options.SuppressTokens ?? generation.SuppressTokens ?? tokenizer.NonSpeechTokens];
        tokens.UnionWith([
            tokenizer.Transcribe, tokenizer.Translate, tokenizer.StartOfTranscript,
            tokenizer.StartOfPrevious, tokenizer.StartOfLm, tokenizer.NoSpeech,
        ]);
        return tokens;
    }
}
