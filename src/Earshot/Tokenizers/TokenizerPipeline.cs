using System.Text.Json;
using Earshot.Checkpoints;

namespace Earshot.Tokenizers;

/// <summary>What the normaliser, pre-tokenizer and decoder of a <c>tokenizer.json</c> come to.</summary>
sealed record TokenizerPipeline
{
    /// <summary>Whether text is cut and merged as bytes; otherwise as characters, with ▁ for spaces.</summary>
    public bool IsByteLevel { get; private set; }

    public TextSplitter Splitter { get; private set; }

    /// <summary>Whether text is composed canonically first.</summary>
    public bool Normalizes { get; private set; }

    public DummyPrefix DummyPrefix { get; private set; } = DummyPrefix.Never;

    /// <summary>Whether spaces at the ends are dropped, and several are one.</summary>
    public bool RemovesExtraSpaces { get; private set; }

    /// <summary>Whether text is cut at spaces before it is merged.</summary>
    public bool SplitsWords { get; private set; }

    bool ReplacesSpaces { get; set; }

    public static TokenizerPipeline Read(SettingsFile json)
    {
        var pipeline = new TokenizerPipeline();
        if (json.Has("normalizer")) pipeline.ReadNormalizer(json.Section("normalizer"));
        if (json.Has("pre_tokenizer")) pipeline.ReadPreTokenizer(json.Section("pre_tokenizer"));
        if (pipeline.IsByteLevel == pipeline.ReplacesSpaces)
        {
            throw json.Wrong(
                "pre_tokenizer", "with a ByteLevel step, or else Metaspace or a normalizer that writes ▁ for spaces",
                pipeline.IsByteLevel ? "both" : "neither");
        }
        if (json.Has("decoder")) CheckDecoder(json.Section("decoder"));
        return pipeline;
    }

    void ReadNormalizer(SettingsFile step)
    {
        switch (step.OptionalText("type"))
        {
            case "NFC": Normalizes = true; break;
            case "Sequence": Each(step, "normalizers", ReadNormalizer); break;
            case "Prepend":
                step.Only("prepend", "\"▁\"");
                DummyPrefix = DummyPrefix.Always;
                break;
            case "Strip":
                step.Only("strip_right", "true");
                RemovesExtraSpaces = true;
                break;
            case "Replace" when step.Section("pattern").OptionalText("Regex") == " {2,}":
                step.Only("content", "\"▁\"");
                RemovesExtraSpaces = true;
                break;
            case "Replace":
                step.Section("pattern").Only("String", "\" \"");
                step.Only("content", "\"▁\"");
                ReplacesSpaces = true;
                break;
            case var other: throw step.Wrong("type", "NFC, Prepend, Replace, Strip or a Sequence of them", other ?? "nothing");
        }
    }

    void ReadPreTokenizer(SettingsFile step)
    {
        switch (step.OptionalText("type"))
        {
            case "Sequence": Each(step, "pretokenizers", ReadPreTokenizer); break;
            case "Digits":
                step.Only("individual_digits", "true");
                Isolate(step);
                break;
            case "Split": ReadSplit(step); break;
            case "ByteLevel":
                step.OnlyIfPresent("add_prefix_space", "false");
                IsByteLevel = true;
                if (step.Flag("use_regex", absent: true)) SetPattern(step, SplitPattern.Gpt2);
                break;
            case "Metaspace":
                step.OnlyIfPresent("replacement", "\"▁\"");
                SplitsWords = step.Flag("split", absent: true);
                DummyPrefix = step.OptionalText("prepend_scheme") switch
                {
                    "never" => DummyPrefix.Never,
                    "first" => DummyPrefix.First,
                    "always" or null => DummyPrefix.Always,
                    var other => throw step.Wrong("prepend_scheme", "never, first or always", other),
                };
                ReplacesSpaces = true;
                break;
            case var other: throw step.Wrong("type", "ByteLevel, Split, Digits, Metaspace or a Sequence of them", other ?? "nothing");
        }
    }

    void ReadSplit(SettingsFile step)
    {
        step.Only("behavior", "\"Isolated\"");
        step.OnlyIfPresent("invert", "false");
        var expression = step.Section("pattern").OptionalText("Regex")
            ?? throw step.Wrong("pattern", "an object with 'Regex'", step.Root.GetProperty("pattern").GetRawText());
        if (expression == @"\p{N}") Isolate(step);
        else
            SetPattern(step, TextSplitter.ByExpression(expression)
                ?? throw step.Wrong("pattern.Regex", "the expression of GPT-2, Qwen2 or Llama 3, those that are implemented", expression));
    }

    void Isolate(SettingsFile step)
    {
        if (Splitter.Pattern != SplitPattern.None) throw step.Wrong("type", "before the other expressions", "after one");
        Splitter = Splitter with { IsolatesDigits = true };
    }

    void SetPattern(SettingsFile step, SplitPattern pattern)
    {
        if (Splitter.Pattern != SplitPattern.None) throw step.Wrong("type", "one expression", "a second one");
        Splitter = Splitter with { Pattern = pattern };
    }

    // Decoding is the inverse of what was read above, whichever of these steps spell it out.
    static void CheckDecoder(SettingsFile step)
    {
        switch (step.OptionalText("type"))
        {
            case "Sequence": Each(step, "decoders", CheckDecoder); break;
            case "ByteLevel" or "ByteFallback" or "Fuse" or "Metaspace" or "Replace": break;
            case "Strip":
                step.Only("content", "\" \"");
                step.Only("start", "1");
                step.Only("stop", "0");
                break;
            case var other:
                throw step.Wrong(
                    "type", "ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip or a Sequence of them", other ?? "nothing");
        }
    }

    static void Each(SettingsFile step, string key, Action<SettingsFile> read)
    {
        if (!step.Has(key)) throw step.Wrong(key, "an array of steps", "nothing");
        foreach (JsonElement item in step.Array(step.Root.GetProperty(key), key)) read(step.AsSection(item, key));
    }
}
