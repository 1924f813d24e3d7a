using Earshot.Compute.Parts;

namespace Earshot.Onnx.Export;

/// <summary>What the inputs and outputs of exported graphs are called: as Hugging Face Optimum names them, where it has a name.</summary>
public static class GraphNames
{
    /// <summary>An encoder's input where it hears features: (batch, inputs, frames).</summary>
    public const string InputFeatures = "input_features";

    /// <summary>An encoder's input where it hears samples: (batch, samples).</summary>
    public const string InputValues = "input_values";

    /// <summary>The encoder's own output, (batch, positions, width).</summary>
    public const string LastHiddenState = "last_hidden_state";

    /// <summary>Audio as embeddings of a language model, (batch, embedding_positions, width).</summary>
    public const string Embeddings = "embeddings";

    /// <summary>Tokens, (batch, sequence).</summary>
    public const string InputIds = "input_ids";

    /// <summary>
    /// Embeddings of tokens or of audio, (batch, sequence, width): what the embedding graph makes and a decoder without a memory takes.
    /// </summary>
    public const string InputsEmbeds = "inputs_embeds";

    /// <summary>
    /// Where the decoder's logits begin in the sequence, one int64: 0 for all, −1 for the last only. Not in portable graphs.
    /// </summary>
    public const string FirstLogit = "first_logit";

    /// <summary>
    /// The decoder's logits, (batch, sequence or less, vocabulary), or those of an encoder's head, (batch, positions, vocabulary), or of a
    /// classifier, (batch, 1, classes).
    /// </summary>
    public const string Logits = "logits";

    /// <summary>
    /// The aligning decoder's further output: cross-attention of the alignment heads, (batch, sequence, heads, positions).
    /// </summary>
    public const string AlignmentAttentions = "alignment_attentions";

    /// <summary>A position of the encoder's output for each row, (batch, width), as a joiner takes it.</summary>
    public const string Encoded = "encoded";

    /// <summary>What a predictor gives and a joiner takes, (batch, width), or (1, width) for all rows.</summary>
    public const string Predicted = "predicted";

    /// <summary>A voice in a vector, (batch, size).</summary>
    public const string Embedding = "embedding";

    /// <summary>A segmentation's output, (batch, frames, classes).</summary>
    public const string LogProbabilities = "log_probabilities";

    /// <summary>A voice's input, (batch, frames, inputs).</summary>
    public const string Spectrogram = "spectrogram";

    /// <summary>A voice's output, (batch, samples).</summary>
    public const string Waveform = "waveform";

    /// <summary>What an encoder with frames of so many values takes.</summary>
    public static string EncoderInput(int inputSize) => inputSize == 1 ? InputValues : InputFeatures;

    /// <summary>The output that has what encoding gives in the end (<see cref="ModelParts.Finish"/>).</summary>
    public static string Finished(ModelParts parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        if (parts.Transducer is not null) return LastHiddenState;
        if (parts.Ctc is not null || parts.Classifier is not null) return Logits;
        return parts.Projector is not null ? Embeddings : LastHiddenState;
    }

    /// <summary>A predictor's input with a layer's hidden or cell values before the token, (batch, size); zeros before the first.</summary>
    public static string PastState(int layer, string of) => $"past_states.{layer}.{of}";

    /// <summary>A predictor's output with a layer's hidden or cell values after the token, (batch, size).</summary>
    public static string PresentState(int layer, string of) => $"present_states.{layer}.{of}";

    internal static string PastKey(int layer, string of) => $"past_key_values.{layer}.{of}.key";

    internal static string PastValue(int layer, string of) => $"past_key_values.{layer}.{of}.value";

    internal static string PresentKey(int layer, string of) => $"present.{layer}.{of}.key";

    internal static string PresentValue(int layer, string of) => $"present.{layer}.{of}.value";
}
