namespace Earshot.Tokenizers;

/// <summary>Text as a model's tokens, and back.</summary>
public abstract class Tokenizer
{
    /// <summary>How many ids there are.</summary>
    public abstract int VocabSize { get; }

    /// <summary>The tokens of a text. Special tokens are not recognised: what looks like one is text like any other.</summary>
    public abstract int[] Encode(string text);

    /// <summary>The text of tokens, without special tokens.</summary>
    public abstract string Decode(ReadOnlySpan<int> ids);

    /// <summary>
    /// Writes a file into a folder that opens faster than those the tokenizer was read from; false where there is no such form, and those
    /// are to be copied.
    /// </summary>
    public virtual bool TryWriteCompact(string folder) => false;
}
