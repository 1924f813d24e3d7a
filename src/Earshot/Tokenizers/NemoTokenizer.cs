using System.Text;

namespace Earshot.Tokenizers;

/// <summary>
/// The tokenizer of a NeMo model: one of SentencePiece's, several side by side whose tokens are counted on (aggregate ones, of models of
/// several languages), or a token for each character. Text keeps the space before its first word, so that pieces of it can be joined.
/// </summary>
sealed class NemoTokenizer : Tokenizer
{
    /// <summary>What its file is called in a folder.</summary>
    public const string FileName = "tokenizer.model";

    readonly List<(Tokenizer Tokenizer, int First)> _parts = [];
    readonly List<(string Name, byte[] Content)> _files = [];

    public override int VocabSize => _parts[^1].First + _parts[^1].Tokenizer.VocabSize;

    /// <summary>One of SentencePiece's, of the content of its file.</summary>
    /// <param name="fileName">What the file is called in a folder that is written.</param>
    /// <param name="source">Where it comes from, for messages.</param>
    /// <exception cref="CheckpointException">It is damaged.</exception>
    public static NemoTokenizer Of(string fileName, byte[] content, string source)
    {
        var model = SentencePieceFile.Parse(content, source);
        var tokenizer = new NemoTokenizer();
        tokenizer._parts.Add((new SentencePieceTokenizer(model, SentencePieceTokenizer.SettingsOf(model)), 0));
        tokenizer._files.Add((fileName, content));
        return tokenizer;
    }

    /// <summary>One that was read from a folder.</summary>
    public static NemoTokenizer Over(ByteTokenizer inner)
    {
        var tokenizer = new NemoTokenizer();
        tokenizer._parts.Add((inner, 0));
        return tokenizer;
    }

    /// <summary>Several: the tokens of each follow those of the one before.</summary>
    public static NemoTokenizer Of(IReadOnlyList<NemoTokenizer> parts)
    {
        var all = new NemoTokenizer();
        foreach (var part in parts)
        {
            all._parts.Add((part._parts[0].Tokenizer, all._parts.Count == 0 ? 0 : all.VocabSize));
            all._files.AddRange(part._files);
        }
        return all;
    }

    /// <summary>A token for each text, by its place.</summary>
    public static NemoTokenizer Of(string[] labels)
    {
        var tokenizer = new NemoTokenizer();
        tokenizer._parts.Add((new LabelTokenizer(labels), 0));
        return tokenizer;
    }

    /// <summary>In the first of several.</summary>
    public override int[] Encode(string text) => _parts[0].Tokenizer.Encode(text);

    public override string Decode(ReadOnlySpan<int> ids)
    {
        if (_parts is [(LabelTokenizer labels, _)]) return labels.Decode(ids);
        var bytes = new List<byte>(ids.Length * 4);
        foreach (int id in ids)
        {
            var (tokenizer, first) = _parts[PartOf(id)];
            if (tokenizer is ByteTokenizer pieces && id >= 0 && id - first < pieces.VocabSize && !pieces.IsSpecial(id - first))
                bytes.AddRange(pieces.TokenBytes(id - first));
        }
        return Encoding.UTF8.GetString(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes));
    }

    public override bool TryWriteCompact(string folder)
    {
        foreach (var (name, content) in _files) File.WriteAllBytes(Path.Combine(folder, name), content);
        return _files.Count > 0;
    }

    int PartOf(int id)
    {
        int part = _parts.Count - 1;
        while (part > 0 && id < _parts[part].First) part--;
        return part;
    }

    /// <summary>Texts by their places.</summary>
    sealed class LabelTokenizer(string[] labels) : Tokenizer
    {
        readonly Dictionary<string, int> _ids = labels.Index().DistinctBy(label => label.Item)
            .ToDictionary(label => label.Item, label => label.Index, StringComparer.Ordinal);

        public override int VocabSize => labels.Length;

        public override int[] Encode(string text) =>
            [.. text.EnumerateRunes().Select(rune => _ids.GetValueOrDefault(rune.ToString(), -1)).Where(id => id >= 0)];

        public override string Decode(ReadOnlySpan<int> ids)
        {
            var text = new StringBuilder();
            foreach (int id in ids)
                if ((uint)id < (uint)labels.Length) text.Append(labels[id]);
            return text.ToString();
        }
    }
}
