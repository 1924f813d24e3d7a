using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Features;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Checkpoints;

/// <summary>Writes models as whisper.cpp's converter does: float16 matrices, the rest float32.</summary>
static class WhisperCppBytes
{
    static readonly (string From, string To)[] s_names =
    [
        ("model.", ""), (".layers.", ".blocks."), ("self_attn_layer_norm", "attn_ln"), ("encoder_attn_layer_norm", "cross_attn_ln"),
        ("final_layer_norm", "mlp_ln"), ("self_attn.", "attn."), ("encoder_attn.", "cross_attn."), ("q_proj", "query"), ("k_proj", "key"),
        ("v_proj", "value"), ("out_proj", "out"), ("fc1", "mlp.0"), ("fc2", "mlp.2"), ("embed_positions.weight", "positional_embedding"),
        ("embed_tokens", "token_embedding"), ("encoder.layer_norm", "encoder.ln_post"), ("decoder.layer_norm", "decoder.ln"),
    ];

    public static void Write(string path, WhisperConfig config, WhisperTokenizer? tokenizer, IEnumerable<StoredTensor> tensors)
    {
        using var writer = new BinaryWriter(File.Create(path));
        writer.Write("lmgg"u8);
        foreach (int size in (ReadOnlySpan<int>)[
            config.VocabSize, config.MaxSourcePositions, config.DModel, config.EncoderAttentionHeads, config.EncoderLayers,
            config.MaxTargetPositions, config.DModel, config.DecoderAttentionHeads, config.DecoderLayers, config.NumMelBins, 1,
            config.NumMelBins, LogMelSpectrogram.FftSize / 2 + 1,
        ])
        {
            writer.Write(size);
        }
        foreach (var filter in new MelFilterBank(config.NumMelBins, LogMelSpectrogram.FftSize, 16_000).Filters)
        {
            var row = new float[LogMelSpectrogram.FftSize / 2 + 1];
            filter.Weights.CopyTo(row, filter.FirstBin);
            writer.Write(MemoryMarshal.AsBytes(row.AsSpan()));
        }
        writer.Write(tokenizer?.EndOfText ?? 0);
        for (int id = 0; id < tokenizer?.EndOfText; id++)
        {
            writer.Write(tokenizer.TokenBytes(id).Length);
            writer.Write(tokenizer.TokenBytes(id));
        }
        foreach (var tensor in tensors) Write(writer, tensor);
    }

    static void Write(BinaryWriter writer, StoredTensor tensor)
    {
        var name = s_names.Aggregate(tensor.Name, (text, pair) => text.Replace(pair.From, pair.To, StringComparison.Ordinal));
        var shape = name.Contains("conv", StringComparison.Ordinal) && tensor.Shape.Rank == 1 ? tensor.Shape.Append(1) : tensor.Shape;
        bool half = tensor.Shape.Rank > 1 && !name.EndsWith("positional_embedding", StringComparison.Ordinal);
        writer.Write(shape.Rank);
        writer.Write(name.Length);
        writer.Write(half ? 1 : 0);
        for (int i = shape.Rank - 1; i >= 0; i--) writer.Write(shape[i]);
        writer.Write(System.Text.Encoding.ASCII.GetBytes(name));
        var values = tensor.ToFloats();
        if (half) writer.Write(MemoryMarshal.AsBytes(Array.ConvertAll(values, value => (Half)value).AsSpan()));
        else writer.Write(MemoryMarshal.AsBytes(values.AsSpan()));
    }
}
