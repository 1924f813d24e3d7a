namespace Earshot.Checkpoints;

/// <summary>OpenAI's names of Whisper's tensors, which whisper.cpp's files have, and Hugging Face's.</summary>
static class WhisperCppNames
{
    static readonly Dictionary<string, string> s_layer = new(StringComparer.Ordinal)
    {
        ["attn.query"] = "self_attn.q_proj",
        ["attn.key"] = "self_attn.k_proj",
        ["attn.value"] = "self_attn.v_proj",
        ["attn.out"] = "self_attn.out_proj",
        ["attn_ln"] = "self_attn_layer_norm",
        ["cross_attn.query"] = "encoder_attn.q_proj",
        ["cross_attn.key"] = "encoder_attn.k_proj",
        ["cross_attn.value"] = "encoder_attn.v_proj",
        ["cross_attn.out"] = "encoder_attn.out_proj",
        ["cross_attn_ln"] = "encoder_attn_layer_norm",
        ["mlp.0"] = "fc1",
        ["mlp.2"] = "fc2",
        ["mlp_ln"] = "final_layer_norm",
    };

    static readonly Dictionary<string, string> s_others = new(StringComparer.Ordinal)
    {
        ["encoder.positional_embedding"] = "encoder.embed_positions.weight",
        ["decoder.positional_embedding"] = "decoder.embed_positions.weight",
        ["decoder.token_embedding.weight"] = "decoder.embed_tokens.weight",
        ["encoder.ln_post.weight"] = "encoder.layer_norm.weight",
        ["encoder.ln_post.bias"] = "encoder.layer_norm.bias",
        ["decoder.ln.weight"] = "decoder.layer_norm.weight",
        ["decoder.ln.bias"] = "decoder.layer_norm.bias",
    };

    /// <summary>Hugging Face's name; one that is not known stays, below the same root.</summary>
    public static string ToHuggingFace(string name)
    {
        const string root = "model.";
        if (s_others.TryGetValue(name, out var other)) return root + other;
        var parts = name.Split('.', 4);
        if (parts is not [var side, "blocks", var layer, var rest] || rest.LastIndexOf('.') is var dot && dot < 1) return root + name;
        return s_layer.TryGetValue(rest[..dot], out var known) ? $"{root}{side}.layers.{layer}.{known}{rest[dot..]}" : root + name;
    }
}
