namespace Earshot.Decoding;

/// <summary>
/// Log-probabilities as OpenAI's API reports them: of the model's own logits, whatever temperature, penalties and filters then make of
/// them.
/// </summary>
static class TokenLogprobs
{
    /// <summary>The chosen token's, and those of the likeliest tokens in falling order.</summary>
    /// <param name="top">Room for the likeliest tokens' ids.</param>
    /// <param name="logprobs">Room for their log-probabilities, as long.</param>
    /// <returns>The chosen token's, and how many likeliest there are.</returns>
    public static (float Chosen, int Count) Of(ReadOnlySpan<float> logits, int token, Span<int> top, Span<float> logprobs)
    {
        float sum = Logits.LogSumExp(logits);
        int count = top.IsEmpty ? 0 : Logits.TopK(logits, top, logprobs);
        for (int i = 0; i < count; i++) logprobs[i] -= sum;
        return (logits[token] - sum, count);
    }
}
