using System.Runtime.InteropServices;
using Earshot.Checkpoints.Gguf;
using Earshot.Compute.Quantization.Blocks;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.PeerBench;

/// <summary>Model files to measure with: a file in another block type, or random weights of a published shape.</summary>
internal static class ModelFiles
{
    // llama.cpp wants one at least.
    static readonly string[] s_merges = ["t h"];

    /// <summary>A GGUF file with its matrices rounded to another type; vectors stay as they are.</summary>
    public static void Recode(string source, string type, string destination)
    {
        using var file = GgufFile.Open(source);
        var target = Named(type, BlockEncoder.Rounded);
        var writer = new GgufWriter();
        foreach (var key in file.Metadata.Keys)
        {
            // What llama.cpp calls the file's type: of most tensors. It only prints it.
            if (key != "general.file_type") writer.Add(key, file.Metadata.Find(key)!);
        }
        foreach (var info in file.Tensors)
        {
            int[] shape = [.. Enumerable.Range(0, info.Shape.Rank).Select(i => info.Shape[i])];
            var tensor = file.Find(info.Name)!;
            if (shape.Length < 2) writer.Add(info.Name, shape, info.Type, stream => Copy(tensor, stream));
            else writer.Add(info.Name, shape, target, stream => Round(tensor, shape, target.Blocks!, stream));
        }
        writer.Write(destination);
    }

    /// <summary>A published shape with random weights in a block type, and a vocabulary of single bytes and tokens without use.</summary>
    public static void WriteRandom(string shape, string type, string destination)
    {
        var config = CausalLmShapes.FindConfig(shape)
            ?? throw new ArgumentException($"There is no shape '{shape}'; there are {string.Join(", ", CausalLmShapes.All.Keys)}.");
        var target = Named(type, BlockEncoder.Random);
        var writer = new GgufWriter();
        AddMetadata(writer, config, shape);
        int width = config.HiddenSize, heads = config.NumAttentionHeads * config.HeadDim, keys = config.NumKeyValueHeads * config.HeadDim;
        var random = new Random(1);

        void Matrix(string name, int rows, int columns) =>
            writer.Add($"{name}.weight", [rows, columns], target, stream => WriteBlocks(target.Blocks!, random, rows, columns, stream));

        void Vector(string name, int size, float value) => writer.Add(name, [size], Float, stream =>
        {
            float[] values = new float[size];
            Array.Fill(values, value);
            stream.Write(MemoryMarshal.AsBytes<float>(values));
        });

        Matrix("token_embd", config.VocabSize, width);
        for (int i = 0; i < config.NumHiddenLayers; i++)
        {
            string layer = $"blk.{i}.";
            Vector(layer + "attn_norm.weight", width, 1);
            foreach (var (name, rows) in (ReadOnlySpan<(string, int)>)[("attn_q", heads), ("attn_k", keys), ("attn_v", keys)])
            {
                Matrix(layer + name, rows, width);
                if (config.QueryBias) Vector($"{layer}{name}.bias", rows, 0.01f);
                if (config.QueryNorm && name != "attn_v") Vector($"{layer}{name}_norm.weight", config.HeadDim, 1);
            }
            Matrix(layer + "attn_output", width, heads);
            Vector(layer + "ffn_norm.weight", width, 1);
            Matrix(layer + "ffn_gate", config.IntermediateSize, width);
            Matrix(layer + "ffn_up", config.IntermediateSize, width);
            Matrix(layer + "ffn_down", width, config.IntermediateSize);
        }
        Vector("output_norm.weight", width, 1);
        if (!config.TieWordEmbeddings) Matrix("output", config.VocabSize, width);
        writer.Write(destination);
    }

    static GgmlType Float => GgmlType.Find(0)!;

    static GgmlType Named(string type, IReadOnlyList<BlockFormat> formats)
    {
        var format = formats.FirstOrDefault(format => format.Name.Equals(type, StringComparison.OrdinalIgnoreCase))
            ?? throw new ArgumentException($"'{type}' is not written; expected {string.Join(", ", formats)}.");
        return GgmlType.Of(format);
    }

    static void AddMetadata(GgufWriter writer, CausalLmConfig config, string name)
    {
        string type = config.ModelType;
        writer.Add("general.architecture", type);
        writer.Add("general.name", $"{name}, random");
        foreach (var (key, value) in (ReadOnlySpan<(string, int)>)
        [
            ("block_count", config.NumHiddenLayers), ("context_length", config.MaxPositionEmbeddings),
            ("embedding_length", config.HiddenSize), ("feed_forward_length", config.IntermediateSize),
            ("attention.head_count", config.NumAttentionHeads), ("attention.head_count_kv", config.NumKeyValueHeads),
            ("attention.key_length", config.HeadDim), ("attention.value_length", config.HeadDim),
        ]) writer.Add($"{type}.{key}", (uint)value);
        // How fast positions turn is no matter of speed.
        writer.Add($"{type}.rope.freq_base", 1e6f);
        writer.Add($"{type}.attention.layer_norm_rms_epsilon", config.RmsNormEps);
        string[] tokens =
        [
            .. Enumerable.Range(0, 512).Select(letter => $"{(char)letter}").Where(letter => ByteLevelAlphabet.ToBytes(letter) is not null),
            "th",
            .. Enumerable.Range(0, config.VocabSize - 257).Select(i => $"[unused{i}]"),
        ];
        const int normal = 1, unused = 5;
        writer.Add("tokenizer.ggml.model", "gpt2");
        writer.Add("tokenizer.ggml.pre", type == "llama" ? "smollm" : "qwen2");
        writer.Add("tokenizer.ggml.tokens", tokens);
        writer.Add("tokenizer.ggml.token_type", tokens.Select((_, i) => i < 257 ? normal : unused).ToArray());
        writer.Add("tokenizer.ggml.merges", s_merges);
        writer.Add("tokenizer.ggml.eos_token_id", (uint)(config.VocabSize - 1));
    }

    static void Copy(Compute.StoredTensor tensor, Stream stream)
    {
        byte[] bytes = new byte[tensor.ByteLength];
        tensor.Read(0, bytes);
        stream.Write(bytes);
    }

    static void Round(Compute.StoredTensor tensor, int[] shape, BlockFormat format, Stream stream)
    {
        int columns = shape[^1];
        long rows = tensor.Shape.Count / columns;
        float[] values = new float[columns];
        byte[] blocks = new byte[format.BytesOf(columns)];
        for (long row = 0; row < rows; row++)
        {
            tensor.Read(row * columns * sizeof(float), MemoryMarshal.AsBytes(values.AsSpan()));
            for (int block = 0; block < columns / format.Length; block++)
            {
                BlockEncoder.Round(
                    format, values.AsSpan(block * format.Length, format.Length), blocks.AsSpan(block * format.Bytes, format.Bytes));
            }
            stream.Write(blocks);
        }
    }

    static void WriteBlocks(BlockFormat format, Random random, int rows, int columns, Stream stream)
    {
        byte[] blocks = new byte[format.BytesOf(columns)];
        for (int row = 0; row < rows; row++)
        {
            BlockEncoder.Fill(format, random, blocks);
            stream.Write(blocks);
        }
    }
}
