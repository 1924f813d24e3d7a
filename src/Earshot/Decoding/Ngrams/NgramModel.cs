using System.IO.Compression;
using System.Text;

namespace Earshot.Decoding.Ngrams;

/// <summary>
/// A language model of words by the words before them, with back-off (Katz 1987), read from an ARPA file. Of each n-gram it holds a hash of
/// 64 bits, its probability and its back-off weight: 16 bytes, and not its words.
/// </summary>
public sealed class NgramModel
{
    /// <summary>The longest order that is read.</summary>
    internal const int MaxOrder = 10;

    internal const int Unknown = -1;

    // What an unknown word gets where the model has no <unk>, as KenLM has it.
    const float NoUnknown = -100;

    readonly Dictionary<string, int> _ids;
    readonly NgramTable[] _tables;
    readonly int _unknown;

    internal NgramModel(string location, Dictionary<string, int> ids, NgramTable[] tables)
    {
        (Location, _ids, _tables) = (location, ids, tables);
        _unknown = ids.GetValueOrDefault("<unk>", Unknown);
        if (_unknown == Unknown) _unknown = ids.GetValueOrDefault("<UNK>", Unknown);
        Begin = Find("<s>");
        End = Find("</s>");
    }

    /// <summary>The file that it was read from.</summary>
    public string Location { get; }

    /// <summary>Words of the longest n-gram.</summary>
    public int Order => _tables.Length;

    /// <summary>N-grams of each length, from one word on.</summary>
    public IReadOnlyList<long> Counts => [.. _tables.Select(table => (long)table.Count)];

    /// <summary>Bytes of the n-grams; words take their own.</summary>
    public long Bytes => _tables.Sum(table => table.Bytes);

    /// <summary>The words that it knows, marks of sentences included.</summary>
    internal IReadOnlyDictionary<string, int> Words => _ids;

    /// <summary>The mark before a sentence; null where the model has none.</summary>
    internal int? Begin { get; }

    /// <summary>The mark after a sentence; null where the model has none.</summary>
    internal int? End { get; }

    /// <summary>Reads an ARPA file, also a gzipped one.</summary>
    /// <exception cref="CheckpointException">It is none, is damaged, or is a binary of KenLM's.</exception>
    public static NgramModel Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using var file = File.OpenRead(path);
            return Read(file, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new CheckpointException($"Cannot read the language model '{path}': {e.Message}", e);
        }
    }

    /// <summary>Reads an ARPA file from a stream that can seek.</summary>
    /// <inheritdoc cref="Load"/>
    internal static NgramModel Read(Stream stream, string location)
    {
        Span<byte> magic = stackalloc byte[8];
        int count = stream.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false);
        stream.Position = 0;
        if (count >= 8 && magic.SequenceEqual("mmap lm "u8))
        {
            throw new CheckpointException(
                $"'{location}' is a binary of KenLM's, which is not read here. " +
                "Give the ARPA file that it was built from (.arpa or .arpa.gz).");
        }
        bool packed = count >= 2 && magic[0] == 0x1F && magic[1] == 0x8B;
        using var unpacked = packed ? new GZipStream(stream, CompressionMode.Decompress, leaveOpen: true) : null;
        using var reader = new StreamReader(unpacked ?? stream, new UTF8Encoding(false, throwOnInvalidBytes: false), leaveOpen: true);
        return new ArpaReader(reader, location).Read();
    }

    /// <summary>log₁₀ of the probability of a word after others.</summary>
    /// <param name="context">The words before it, the latest last; what is longer than the model's order is not looked at.</param>
    /// <param name="word">The word; <see cref="Unknown"/> for one that the model does not know.</param>
    internal float Score(ReadOnlySpan<int> context, int word)
    {
        if (word == Unknown) word = _unknown;
        if (context.Length > Order - 1) context = context[^(Order - 1)..];
        if (word == Unknown) return NoUnknown;
        float total = 0;
        for (; ; context = context[1..])
        {
            if (_tables[context.Length].Find(NgramTable.Hash(context, word)) is { } found) return total + found.Logprob;
            if (context.Length == 0) return total + NoUnknown;
            if (_tables[context.Length - 1].Find(NgramTable.Hash(context[..^1], context[^1])) is { } before) total += before.Backoff;
        }
    }

    /// <summary>The context after one more word.</summary>
    internal int[] After(int[] context, int word)
    {
        if (Order == 1) return [];
        if (word == Unknown) word = _unknown;
        return [.. context.Skip(Math.Max(0, context.Length - Order + 2)), word];
    }

    internal int? Find(string word) => _ids.TryGetValue(word, out int id) ? id : null;
}
