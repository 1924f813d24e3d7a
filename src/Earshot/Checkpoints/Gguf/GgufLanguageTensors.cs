using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Quantization;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Checkpoints.Gguf;

/// <summary>
/// The tensors of a language model's GGUF file under the names and in the order that Hugging Face's checkpoints have: of architecture
/// <c>llama</c>, the rows of queries and keys come back from pairs of neighbours to halves of each head.
/// </summary>
sealed class GgufLanguageTensors : ITensorStore
{
    /// <summary>What the inverse rotary frequencies are divided by; it keeps its name.</summary>
    public const string RotaryFactors = "rope_freqs.weight";

    const string BlockPrefix = "blk.";

    static readonly Dictionary<string, string> s_names = new(StringComparer.Ordinal)
    {
        ["token_embd"] = "model.embed_tokens",
        ["output_norm"] = "model.norm",
        ["output"] = "lm_head",
    };

    static readonly Dictionary<string, string> s_layerNames = new(StringComparer.Ordinal)
    {
        ["attn_norm"] = "input_layernorm",
        ["ffn_norm"] = "post_attention_layernorm",
        ["attn_q"] = "self_attn.q_proj",
        ["attn_k"] = "self_attn.k_proj",
        ["attn_v"] = "self_attn.v_proj",
        ["attn_output"] = "self_attn.o_proj",
        ["attn_q_norm"] = "self_attn.q_norm",
        ["attn_k_norm"] = "self_attn.k_norm",
        ["ffn_gate"] = "mlp.gate_proj",
        ["ffn_up"] = "mlp.up_proj",
        ["ffn_down"] = "mlp.down_proj",
    };

    readonly GgufCheckpoint _checkpoint;
    readonly Dictionary<string, string> _stored = new(StringComparer.Ordinal);
    readonly int _queryHeads, _keyHeads;

    /// <exception cref="CheckpointException">The file does not tell how its rows are ordered.</exception>
    public GgufLanguageTensors(GgufCheckpoint checkpoint)
    {
        _checkpoint = checkpoint;
        foreach (var name in checkpoint.Names)
        {
            if (!_stored.TryAdd(NameOf(name), name))
                throw new CheckpointException(
                    $"'{Location}' holds '{FileCursor.Printable(NameOf(name))}' twice. Convert or download the model again.");
        }
        if (checkpoint.Metadata.Architecture is not "llama") return;
        _queryHeads = checkpoint.Metadata.RequireInteger("llama.attention.head_count", 1, 1024);
        _keyHeads = checkpoint.Metadata.Contains("llama.attention.head_count_kv")
            ? checkpoint.Metadata.RequireInteger("llama.attention.head_count_kv", 1, 1024)
            : _queryHeads;
    }

    public string Location => _checkpoint.Location;

    public IReadOnlyCollection<string> Names => _stored.Keys;

    public StoredTensor? Find(string name)
    {
        if (!_stored.TryGetValue(name, out var stored)) return null;
        var tensor = _checkpoint.Find(stored, name)!;
        int heads = name.Contains(".self_attn.q_proj.", StringComparison.Ordinal) ? _queryHeads
            : name.Contains(".self_attn.k_proj.", StringComparison.Ordinal) ? _keyHeads : 0;
        if (heads == 0) return tensor;
        if (tensor.Shape.Rank is not (1 or 2) || tensor.Shape[0] % (2 * heads) != 0)
            throw new CheckpointException(
                $"{Location}: tensor '{stored}' has shape {tensor.Shape}; expected an even number of rows for each of {heads} heads.");
        return tensor switch
        {
            IStoredBlocks => new BlockHeads(tensor, heads),
            _ => new OrderedHeads(tensor, heads),
        };
    }

    /// <summary>Hugging Face's name; one that is not known stays, so that it can be told of.</summary>
    static string NameOf(string name)
    {
        int dot = name.LastIndexOf('.');
        if (dot < 0) return name;
        var (stem, kind) = (name[..dot], name[dot..]);
        if (s_names.TryGetValue(stem, out var known)) return known + kind;
        if (!stem.StartsWith(BlockPrefix, StringComparison.Ordinal)) return name;
        var parts = stem[BlockPrefix.Length..].Split('.');
        return parts.Length == 2 && int.TryParse(parts[0], System.Globalization.NumberStyles.None, null, out int layer)
            && parts[0] == $"{layer}" && s_layerNames.TryGetValue(parts[1], out known)
            ? $"model.layers.{layer}.{known}{kind}"
            : name;
    }

    /// <summary>Rows of each head in halves: row j of the first half is stored as row 2j, row j of the second as row 2j + 1.</summary>
    class OrderedHeads(StoredTensor stored, int heads) : StoredTensor(stored.Name, stored.Type, stored.Shape)
    {
        readonly int _headRows = stored.Shape[0] / heads;
        readonly long _rowBytes = stored.ByteLength / stored.Shape[0];

        public override string? File => stored.File;

        public override long FileOffset => stored.FileOffset;

        protected StoredTensor Stored => stored;

        /// <summary>Where a row is stored.</summary>
        protected int StoredRow(int row)
        {
            int head = row / _headRows, within = row % _headRows, half = _headRows / 2;
            return head * _headRows + (within < half ? 2 * within : 2 * (within - half) + 1);
        }

        public override void Read(long offset, Span<byte> destination)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(offset);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, ByteLength - destination.Length);
            while (!destination.IsEmpty)
            {
                int row = (int)(offset / _rowBytes);
                long skip = offset - row * _rowBytes;
                int count = (int)Math.Min(destination.Length, _rowBytes - skip);
                stored.Read(StoredRow(row) * _rowBytes + skip, destination[..count]);
                destination = destination[count..];
                offset += count;
            }
        }
    }

    /// <summary>The same of rows in blocks, which are whole.</summary>
    sealed class BlockHeads(StoredTensor stored, int heads) : OrderedHeads(stored, heads), IStoredBlocks, IConvertedTensor
    {
        public BlockFormat Format => Blocks.Format;

        public (SafeBuffer Memory, long Offset) Mapped => Blocks.Mapped;

        public IReadOnlyList<int>? RowOrder => [.. Enumerable.Range(0, Shape[0]).Select(StoredRow)];

        public string StoredAs => Converted.StoredAs;

        public long StoredBytes => Converted.StoredBytes;

        public WeightFormat? ComputedIn => Converted.ComputedIn;

        IStoredBlocks Blocks => (IStoredBlocks)Stored;

        IConvertedTensor Converted => (IConvertedTensor)Stored;

        public void ReadBlocks(long first, Span<byte> destination) => Blocks.ReadBlocks(first, destination);

        public void ThrowIfChanged() => Blocks.ThrowIfChanged();
    }
}
