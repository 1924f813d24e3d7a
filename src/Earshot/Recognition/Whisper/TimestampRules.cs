using System.Numerics.Tensors;
using Earshot.Decoding;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Recognition;

/// <summary>
/// Timestamps come in pairs (…text, end, start, text…), never run backwards, and no segment is without length; the first
/// token is a timestamp; where all timestamps together are likelier than each text token, one of them must come.
/// Follows <c>ApplyTimestampRules</c> of openai/whisper.
/// </summary>
public sealed class TimestampRules(WhisperTokenizer tokenizer, int? maxInitialTimestampIndex) : LogitFilter
{
    /// <summary>From one timestamp token to the next.</summary>
    public const double Precision = 0.02;

    readonly int _noTimestamps = tokenizer.NoTimestamps;
    readonly int _begin = tokenizer.TimestampBegin;
    readonly int _endOfText = tokenizer.EndOfText;

    /// <summary>The last timestamp that may come first; null for any.</summary>
    internal static int? IndexOf(TimeSpan? time, WhisperGenerationConfig generation)
    {
        if (time is not { } latest) return generation.MaxInitialTimestampIndex;
        return latest == Timeout.InfiniteTimeSpan ? null : (int)Math.Min(1500, Math.Round(latest.TotalSeconds / Precision));
    }

    public override void Apply(Span<float> logits, ReadOnlySpan<int> sampled)
    {
        logits[_noTimestamps] = float.NegativeInfinity;
        if (sampled.IsEmpty) ForceInitialTimestamp(logits);
        else KeepPairsInOrder(logits, sampled);

        // The softmax's denominator is the same on both sides, so that logits can be compared as they are.
        if (Logits.LogSumExp(logits[_begin..]) > TensorPrimitives.Max(logits[.._begin])) Forbid(logits[.._begin]);
    }

    void ForceInitialTimestamp(Span<float> logits)
    {
        Forbid(logits[.._begin]);
        int firstForbidden = (long)_begin + maxInitialTimestampIndex + 1 is { } limit && limit < logits.Length ? (int)limit : logits.Length;
        Forbid(logits[firstForbidden..]);
    }

    void KeepPairsInOrder(Span<float> logits, ReadOnlySpan<int> sampled)
    {
        bool lastIsTimestamp = sampled[^1] >= _begin;
        bool penultimateIsTimestamp = sampled.Length < 2 || sampled[^2] >= _begin;
        if (lastIsTimestamp && penultimateIsTimestamp) Forbid(logits[_begin..]);
        else if (lastIsTimestamp) Forbid(logits[.._endOfText]);

        int last = sampled.LastIndexOfAnyInRange(_begin, int.MaxValue);
        if (last < 0) return;
        // The end of a segment may be the start of the next; after text, though, time must have passed.
        bool opensNext = lastIsTimestamp && !penultimateIsTimestamp;
        int least = Math.Min(logits.Length, opensNext ? sampled[last] : sampled[last] + 1);
        Forbid(logits[_begin..least]);
    }

    static void Forbid(Span<float> logits) => logits.Fill(float.NegativeInfinity);
}
