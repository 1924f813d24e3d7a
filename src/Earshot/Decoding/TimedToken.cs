namespace Earshot.Decoding;

/// <summary>A token and where it is said.</summary>
/// <param name="Id">The token.</param>
/// <param name="Start">The first position that it takes.</param>
/// <param name="End">The position after its last one.</param>
/// <param name="Logprob">Its log-probability: a CTC model's is the mean of its positions.</param>
public readonly record struct TimedToken(int Id, int Start, int End, float Logprob);
