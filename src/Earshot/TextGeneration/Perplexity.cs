using System.Text;
using Earshot.Decoding;

namespace Earshot.TextGeneration;

/// <summary>How a text is cut to be measured.</summary>
public sealed record PerplexityOptions
{
    /// <summary>Tokens that the model reads at once; null for 512, or its context where that is less.</summary>
    public int? Window { get; init; }

    /// <summary>
    /// How far the next window is: tokens that it adds, which are scored with those of the last one before them. Less than the window;
    /// null for half of it.
    /// </summary>
    public int? Stride { get; init; }

    /// <summary>The adapter to measure with, as in <see cref="GenerationOptions.Adapter"/>.</summary>
    public string? Adapter { get; init; }
}

/// <summary>How well a model foresees a text.</summary>
/// <param name="Tokens">Tokens that were scored: all of the text but the first, which nothing precedes.</param>
/// <param name="Windows">Stretches that were read.</param>
/// <param name="NegativeLogLikelihood">The sum of −ln p over them.</param>
/// <param name="Perplexity">e to the mean of it.</param>
/// <param name="BitsPerByte">The same in bits, over the text's bytes of UTF-8: comparable between tokenizers.</param>
public sealed record PerplexityResult(int Tokens, int Windows, double NegativeLogLikelihood, double Perplexity, double BitsPerByte);

public sealed partial class LanguageModel
{
    const int UsualWindow = 512;

    /// <summary>
    /// Measures how well the model foresees a text: the perplexity of its tokens, each after those before it in its window. Windows
    /// overlap, and a token is scored once, in the first that holds it. Where the tokenizer begins texts with a token of its own, so does
    /// every window, and the first token of the text is scored too.
    /// </summary>
    /// <param name="progress">Told the part that is done, from 0 to 1.</param>
    /// <exception cref="ArgumentException">The window or the stride is out of its range.</exception>
    /// <exception cref="ModelException">The text is too short to foresee a token of it.</exception>
    public async Task<PerplexityResult> MeasurePerplexityAsync(
        string text, PerplexityOptions? options = null, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        options ??= new PerplexityOptions();
        int window = options.Window ?? Math.Min(UsualWindow, Context), stride = options.Stride ?? Math.Max(1, window / 2);
        if (window < 2 || window > Context)
            throw new ArgumentException(
                $"A window of {window} tokens was asked for; expected 2 to {Context}, the context.", nameof(options));
        if (stride < 1 || stride >= window)
            throw new ArgumentException(
                $"A stride of {stride} tokens was asked for; expected 1 to {window - 1}, below the window.", nameof(options));
        _ = Loaded.Find(options.Adapter);
        var ids = Tokenizer.Encode(text);
        int begins = Tokenizer is { AddsBeginToken: true, BeginToken: not null } ? 1 : 0;
        if (ids.Length + begins < 2)
            throw new ModelException($"The text has {ids.Length} tokens; perplexity is that of tokens after others. Give a longer text.");
        double sum = 0;
        int windows = 0, scored = 1 - begins;
        for (int first = 0; scored < ids.Length; first += stride, windows++)
        {
            int end = Math.Min(ids.Length, first + window - begins);
            sum += await ScoreAsync(ids.AsMemory(first..end), scored - first, options.Adapter, cancellationToken).ConfigureAwait(false);
            scored = end;
            progress?.Report((double)scored / ids.Length);
        }
        int tokens = ids.Length - 1 + begins;
        return new PerplexityResult(
            tokens, windows, sum, Math.Exp(sum / tokens), sum / Math.Log(2) / Encoding.UTF8.GetByteCount(text));
    }

    /// <summary>The sum of −ln p of a window's tokens from one on.</summary>
    async Task<double> ScoreAsync(ReadOnlyMemory<int> tokens, int from, string? adapter, CancellationToken cancellationToken)
    {
        int begins = Tokenizer is { AddsBeginToken: true, BeginToken: not null } ? 1 : 0, vocabulary = _decoder.Shape.VocabSize;
        int[] prompt = begins == 1 ? [Tokenizer.BeginToken!.Value, .. tokens.Span] : tokens.ToArray();
        int[] wanted = [.. Enumerable.Range(from + begins - 1, tokens.Length - from)];
        var logits = new float[checked(wanted.Length * vocabulary)];
        using var generation = await _decoder.BeginAsync(null, 1, Loaded.Find(adapter), cancellationToken).ConfigureAwait(false);
        await generation.PromptAsync(prompt, wanted, logits, cancellationToken).ConfigureAwait(false);
        double sum = 0;
        for (int i = 0; i < wanted.Length; i++)
        {
            var row = logits.AsSpan(i * vocabulary, vocabulary);
            sum += Logits.LogSumExp(row) - row[prompt[wanted[i] + 1]];
        }
        return sum;
    }
}
