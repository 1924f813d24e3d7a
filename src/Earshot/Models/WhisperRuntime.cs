using Earshot.Checkpoints;

namespace Earshot.Models;

/// <summary>
/// A loaded Whisper model that runs somewhere: on the CPU backend, or as a graph in ONNX Runtime. Transcription knows only
/// this. Safe on several threads at once.
/// </summary>
public abstract class WhisperRuntime : IDisposable
{
    public abstract WhisperConfig Config { get; }

    public abstract GenerationConfig Generation { get; }

    /// <summary>What was computed so far, by stage; null where that is not measured.</summary>
    public virtual RuntimeTimes? Times => null;

    /// <summary>
    /// Encodes one window: features (frames, mels), frame-major; frames is even and at most 2 × MaxSourcePositions. A full
    /// window is 3,000 frames; fewer are encoded as they are, which costs less and changes the result slightly.
    /// </summary>
    public abstract EncodedAudio Encode(ReadOnlySpan<float> features, int frames, CancellationToken cancellationToken = default);

    /// <summary>A decoder of up to <paramref name="rows"/> hypotheses over one window.</summary>
    public abstract WhisperDecoder CreateDecoder(EncodedAudio audio, int rows, CancellationToken cancellationToken = default);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) { }
}

/// <summary>A window of audio as the decoder attends to it: the cross-attention's keys and values, computed once.</summary>
public abstract class EncodedAudio : IDisposable
{
    /// <summary>Encoder positions, 20 ms each: half the frames that were encoded.</summary>
    public abstract int Positions { get; }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) { }
}

/// <summary>
/// Decodes hypotheses of one window step by step. Rows share the prompt; each then goes its own way. Logits are float32,
/// unfiltered, VocabSize of them a row. Not safe on several threads at once.
/// </summary>
public abstract class WhisperDecoder : IDisposable
{
    /// <summary>Most hypotheses.</summary>
    public abstract int Rows { get; }

    public abstract int VocabSize { get; }

    /// <summary>Tokens that every row has behind it; the prompt counts.</summary>
    public abstract int Length { get; }

    /// <summary>
    /// Begins anew with a prompt that all rows share, computed once. Writes the logits that follow the prompt's tokens at
    /// <paramref name="positions"/>, one after the other: the last for decoding, the one of the start-of-transcript token
    /// for the no-speech probability.
    /// </summary>
    public abstract void Start(ReadOnlySpan<int> prompt, ReadOnlySpan<int> positions, Span<float> logits, CancellationToken cancellationToken = default);

    /// <summary>Appends one token to each of the first <c>tokens.Length</c> rows; logits (rows, VocabSize).</summary>
    public abstract void Step(ReadOnlySpan<int> tokens, Span<float> logits, CancellationToken cancellationToken = default);

    /// <summary>Appends several tokens to row 0 at once; logits (tokens, VocabSize), one row after each token. For verifying drafts.</summary>
    public abstract void Extend(ReadOnlySpan<int> tokens, Span<float> logits, CancellationToken cancellationToken = default);

    /// <summary>Row i continues the hypothesis that row <c>parents[i]</c> had.</summary>
    public abstract void Reorder(ReadOnlySpan<int> parents);

    /// <summary>Forgets all tokens beyond <paramref name="length"/>.</summary>
    public abstract void Truncate(int length);

    /// <summary>
    /// Runs tokens through row 0 from the start (teacher forcing) and returns the cross-attention probabilities of the
    /// alignment heads, (tokens, heads, positions), with the logits after each token (tokens, VocabSize) where asked for.
    /// </summary>
    public abstract float[] Align(ReadOnlySpan<int> tokens, Span<float> logits, CancellationToken cancellationToken = default);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) { }
}
