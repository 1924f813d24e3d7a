using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Earshot.Checkpoints;

namespace Earshot.Tokenizers;

/// <summary>
/// <c>vocabulary.bin</c>: a tokenizer as arrays, which opens without parsing. Little-endian: magic and version, five counts (tokens, their
/// bytes, merges, special tokens, their bytes), then offsets and bytes of the tokens, merges as (left, right, rank, merged), and ids,
/// offsets and names of the special tokens. Timestamps are not listed: they follow the last of the others.
/// </summary>
static class VocabularyFile
{
    public const string FileName = ModelFolder.VocabularyName;

    const int HeaderLength = 8 + 5 * sizeof(int);
    const int MergeInts = 4;

    // Far above any vocabulary; what a damaged file may make us allocate.
    const long MaxLength = 256 << 20;

    static ReadOnlySpan<byte> Magic => "EARVOC\0\u0001"u8;

    /// <summary>Reads a file.</summary>
    /// <exception cref="CheckpointException">It is damaged, or cannot be read.</exception>
    public static WhisperTokenizer Read(string path, int? vocabSize)
    {
        byte[] content;
        try
        {
            if (new FileInfo(path).Length > MaxLength)
                throw new CheckpointException($"'{path}' is larger than {MaxLength:N0} bytes; no vocabulary is. Quantise the model again.");
            content = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"Cannot read '{path}', which holds the tokenizer: {e.Message}", e);
        }
        return Parse(content, path, vocabSize);
    }

    /// <summary>Reads the content of a file; <paramref name="source"/> names it in messages.</summary>
    /// <exception cref="CheckpointException">It is damaged.</exception>
    public static WhisperTokenizer Parse(byte[] content, string source, int? vocabSize)
    {
        var reader = new Reader(content, source);
        if (!reader.Bytes(Magic.Length).SequenceEqual(Magic))
            throw reader.Damaged("it does not begin as such a file does, or is of another version");
        int tokens = reader.Count(), tokenBytes = reader.Count(), merges = reader.Count(), special = reader.Count(),
            specialBytes = reader.Count();
        long length = HeaderLength + sizeof(int) * (tokens + 1L + MergeInts * (long)merges + 2L * special + 1) + tokenBytes + specialBytes;
        if (length != content.Length) throw reader.Damaged($"its counts ask for {length:N0} bytes, it has {content.Length:N0}");
        var offsets = reader.Offsets(tokens, tokenBytes);
        int start = reader.Position;
        reader.Bytes(tokenBytes);
        var merged = reader.Ints(merges * MergeInts);
        foreach (int value in merged) if (value < 0) throw reader.Damaged("a merge holds a negative number");
        var ids = reader.Ints(special);
        var nameOffsets = reader.Offsets(special, specialBytes);
        var nameBytes = reader.Bytes(specialBytes);
        var names = new Dictionary<string, int>(special, StringComparer.Ordinal);
        for (int i = 0; i < special; i++)
        {
            if (ids[i] < 0 || !names.TryAdd(Encoding.UTF8.GetString(nameBytes[nameOffsets[i]..nameOffsets[i + 1]]), ids[i]))
                throw reader.Damaged("a special token is there twice, or has a negative id");
        }
        var encoding = BytePairEncoding.Over(
            new ArraySegment<byte>(content, start, tokenBytes), offsets, MemoryMarshal.Cast<int, PairMerge>(merged).ToArray(), source);
        return new WhisperTokenizer(encoding, WhisperSpecialTokens.Create(names, source, vocabSize));
    }

    /// <summary>Writes a tokenizer; <see cref="Parse"/> gives it back.</summary>
    public static void Write(Stream stream, WhisperTokenizer tokenizer)
    {
        var encoding = tokenizer.TextTokens;
        var merges = encoding.ListMerges();
        var special = tokenizer.SpecialTokens.Named().Select(pair => (pair.Token, Name: pair.Name.ToArray())).ToList();
        int tokenBytes = Enumerable.Range(0, encoding.Count).Sum(id => encoding.TokenBytes(id).Length);
        using var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        writer.Write(Magic);
        foreach (int count in (ReadOnlySpan<int>)[
            encoding.Count, tokenBytes, merges.Count, special.Count, special.Sum(token => token.Name.Length),
        ])
        {
            writer.Write(count);
        }
        int offset = 0;
        for (int id = 0; id < encoding.Count; offset += encoding.TokenBytes(id++).Length) writer.Write(offset);
        writer.Write(offset);
        for (int id = 0; id < encoding.Count; id++) writer.Write(encoding.TokenBytes(id));
        foreach (var merge in merges)
        {
            foreach (int value in (ReadOnlySpan<int>)[merge.Left, merge.Right, merge.Rank, merge.Merged]) writer.Write(value);
        }
        foreach (var (token, _) in special) writer.Write(token);
        offset = 0;
        foreach (var (_, name) in special)
        {
            writer.Write(offset);
            offset += name.Length;
        }
        writer.Write(offset);
        foreach (var (_, name) in special) writer.Write(name);
    }

    /// <summary>Goes through the content; whatever leaves it is damage.</summary>
    ref struct Reader(ReadOnlySpan<byte> content, string source)
    {
        readonly ReadOnlySpan<byte> _content = content;
        readonly string _source = source;

        public int Position { get; private set; }

        public ReadOnlySpan<byte> Bytes(int count)
        {
            if (count > _content.Length - Position) throw Damaged("it ends early");
            Position += count;
            return _content.Slice(Position - count, count);
        }

        public int Count()
        {
            int count = BinaryPrimitives.ReadInt32LittleEndian(Bytes(sizeof(int)));
            return count >= 0 && count <= MaxLength / sizeof(int) ? count : throw Damaged($"it has a count of {count}");
        }

        public int[] Ints(int count)
        {
            var bytes = Bytes(checked(count * sizeof(int)));
            var values = MemoryMarshal.Cast<byte, int>(bytes).ToArray();
            if (!BitConverter.IsLittleEndian) BinaryPrimitives.ReverseEndianness(values, values);
            return values;
        }

        /// <summary>Where each of so many pieces begins and the last ends: rising from 0 to the length.</summary>
        public int[] Offsets(int count, int length)
        {
            var offsets = Ints(count + 1);
            for (int i = 0; i < count; i++) if (offsets[i] > offsets[i + 1]) throw Damaged("its offsets do not rise");
            return offsets[0] == 0 && offsets[count] == length ? offsets : throw Damaged("its offsets do not cover its bytes");
        }

        public readonly CheckpointException Damaged(string what) =>
            new($"'{_source}' is damaged: {what}. Download or quantise the model again.");
    }
}
