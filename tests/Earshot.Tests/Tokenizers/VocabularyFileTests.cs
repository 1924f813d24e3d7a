namespace Earshot.Tokenizers;

public sealed class VocabularyFileTests
{
    static readonly string s_boxed = Path.Combine(TestModels.WhisperBase, VocabularyFile.FileName);

    [Fact]
    public void The_vocabulary_in_the_box_is_that_of_the_original_files()
    {
        var original = WhisperTokenizer.Load(TestData.Require("models/whisper-base"), 51865);
        var boxed = VocabularyFile.Read(s_boxed, 51865);
        Assert.Equal(original.VocabSize, boxed.VocabSize);
        for (int id = 0; id < original.VocabSize; id++)
            Assert.True(original.TokenBytes(id).SequenceEqual(boxed.TokenBytes(id)), $"token {id}");
        Assert.Equal(original.Languages, boxed.Languages);
        Assert.Equal(original.NonSpeechTokens, boxed.NonSpeechTokens);
        foreach (var text in (string[])[
            "And so, my fellow Americans", " Straßenbahn über Ärger", "日本語のテキスト", "🎧🎤 done\n\n  twice  ", " don't 1234567 ...", "",
        ])
            Assert.Equal(original.Encode(text), boxed.Encode(text));
    }

    [Fact]
    public void What_is_written_is_read_again()
    {
        var tokenizer = VocabularyFile.Read(s_boxed, 51865);
        using var stream = new MemoryStream();
        VocabularyFile.Write(stream, tokenizer);
        Assert.True(File.ReadAllBytes(s_boxed).AsSpan().SequenceEqual(stream.ToArray()));
        Assert.Equal(" and so on", tokenizer.Decode(tokenizer.Encode(" and so on")));
    }

    [Fact]
    public void Ranks_and_merges_go_through_alike()
    {
        var ranks = WhisperTokenizer.LoadTiktoken(RankFiles.Multilingual);
        using var stream = new MemoryStream();
        VocabularyFile.Write(stream, ranks);
        var read = VocabularyFile.Parse(stream.ToArray(), "memory", null);
        foreach (var text in (string[])["a quick brown fox", "ÄÖÜ", "\0\u0001", "    four"])
            Assert.Equal(ranks.Encode(text), read.Encode(text));
    }

    [Fact]
    public void A_file_cut_anywhere_is_refused()
    {
        var content = File.ReadAllBytes(s_boxed);
        for (int length = 0; length < content.Length; length += length < 64 ? 1 : 9973)
            Assert.Throws<CheckpointException>(() => VocabularyFile.Parse(content[..length], "cut", 51865));
    }

    [Fact]
    public void Changed_bytes_are_refused_or_read_never_worse()
    {
        var content = File.ReadAllBytes(s_boxed);
        var random = new Random(11);
        for (int i = 0; i < 300; i++)
        {
            var changed = content.ToArray();
            // Mostly where counts and offsets are.
            int at = random.Next(2) == 0 ? random.Next(64) : random.Next(changed.Length);
            changed[at] = (byte)random.Next(256);
            try
            {
                VocabularyFile.Parse(changed, "changed", 51865).Encode("some text to merge");
            }
            catch (EarshotException)
            {
                // Refused.
            }
        }
    }
}
