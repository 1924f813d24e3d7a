using System.Buffers;
using System.Numerics.Tensors;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Tokenizers;

namespace Earshot.Recognition;

/// <summary>A window of which words are dated: positions that were encoded, and frames of 10 ms that hold sound.</summary>
readonly record struct AlignedAudio(int Positions, int Frames);

/// <summary>Where tokens are said, in positions of the encoded window.</summary>
/// <param name="First">The first position of each token on the cheapest path, and the last one's end.</param>
/// <param name="Attended">The position that the decoder looks at most while it writes each token.</param>
/// <param name="Probabilities">Each token's probability among text tokens.</param>
sealed record AlignedTokens(int[] First, int[] Attended, float[] Probabilities);

/// <summary>Finds when words are said from what the decoder looks at while it writes them (openai/whisper, <c>timing.py</c>).</summary>
sealed class WordAligner(WhisperTokenizer tokenizer)
{
    public const double SecondsPerPosition = 0.02;

    /// <summary>Teacher-forces text through the decoder and returns its words, times counted from the window's start.</summary>
    public async ValueTask<List<WordDraft>> AlignAsync(
        Generation generation, int[] text, DecodingOptions options, AlignedAudio audio, CancellationToken cancellationToken)
    {
        var words = tokenizer.SplitToWords(text, options.Language ?? "en");
        if (words.Count == 0) return [];
        var tokens = await AlignTokensAsync(generation, text, options, audio, cancellationToken).ConfigureAwait(false);
        return Words(words, tokens, 0);
    }

    /// <summary>Teacher-forces text through the decoder and returns where each of its tokens is said.</summary>
    public async ValueTask<AlignedTokens> AlignTokensAsync(
        Generation generation, int[] text, DecodingOptions options, AlignedAudio audio, CancellationToken cancellationToken)
    {
        var tokens = new List<int>();
        DecodingPrompt.AddStartOfTranscript(tokens, options, tokenizer);
        int prompt = tokens.Count;
        tokens.Add(tokenizer.NoTimestamps);
        tokens.AddRange(text);
        tokens.Add(tokenizer.EndOfText);

        var logits = ArrayPool<float>.Shared.Rent(tokens.Count * generation.VocabSize);
        try
        {
            var attention = await generation
                .AlignAsync(tokens.ToArray(), logits.AsMemory(0, tokens.Count * generation.VocabSize), cancellationToken)
                .ConfigureAwait(false);
            var probabilities = Probabilities(logits.AsSpan(prompt * generation.VocabSize), text, generation.VocabSize);
            int heard = Math.Clamp(audio.Frames / 2, 1, audio.Positions);
            var matrix = AlignmentMatrix.Compute(attention, tokens.Count, audio.Positions, heard);
            // The row of a token tells where the decoder looks to write the one after it.
            var rows = matrix.AsSpan(prompt * heard, (text.Length + 1) * heard);
            var first = DynamicTimeWarping.FirstFrames(rows, text.Length + 1, heard);
            var attended = new int[text.Length];
            for (int i = 0; i < attended.Length; i++) attended[i] = TensorPrimitives.IndexOfMax<float>(rows.Slice(i * heard, heard));
            return new AlignedTokens(first, attended, probabilities);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(logits);
        }
    }

    /// <summary>Words in the making, the first of which begins with the token <paramref name="token"/>.</summary>
    public static List<WordDraft> Words(IReadOnlyList<WordTokens> words, AlignedTokens aligned, int token)
    {
        var drafts = new List<WordDraft>(words.Count);
        foreach (var (text, tokens) in words)
        {
            int end = token + tokens.Count;
            drafts.Add(new WordDraft
            {
                Text = text,
                TokenCount = tokens.Count,
                Start = aligned.First[token] * SecondsPerPosition,
                End = aligned.First[end] * SecondsPerPosition,
                Probability = TensorPrimitives.Average<float>(aligned.Probabilities.AsSpan(token, tokens.Count)),
            });
            token = end;
        }
        return drafts;
    }

    /// <summary>Each token's probability among text tokens.</summary>
    float[] Probabilities(Span<float> logits, int[] text, int vocabulary)
    {
        var probabilities = new float[text.Length];
        for (int i = 0; i < text.Length; i++)
        {
            var row = logits.Slice(i * vocabulary, tokenizer.EndOfText);
            probabilities[i] = MathF.Exp(row[text[i]] - Logits.LogSumExp(row));
        }
        return probabilities;
    }
}
