using Earshot.Compute;
using Earshot.Compute.Quantization;
using Earshot.Models;
using Earshot.Tests.Models;
using Earshot.Transcription;

namespace Earshot.Checkpoints;

public sealed class WhisperCppFileTests : IDisposable
{
    static readonly WhisperConfig s_tiny = new()
    {
        DModel = 64,
        EncoderLayers = 1,
        EncoderAttentionHeads = 2,
        EncoderFfnDim = 256,
        DecoderLayers = 1,
        DecoderAttentionHeads = 2,
        DecoderFfnDim = 256,
        VocabSize = 51_865,
    };

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_file_with_the_usual_vocabulary_opens_and_transcribes_by_its_path()
    {
        var path = _folder.File("ggml-tiny-f16.bin");
        WhisperCppBytes.Write(path, s_tiny, WhisperBase.Tokenizer, Random(s_tiny));
        using (var opened = WhisperFolder.Open(path))
        {
            Assert.Equal(s_tiny with { NameOrPath = "tiny" }, opened.Config);
            Assert.Equal(WhisperBase.Tokenizer.VocabSize, opened.Tokenizer.VocabSize);
            Assert.Equal(WhisperBase.Tokenizer.Languages, opened.Tokenizer.Languages);
            foreach (var text in (string[])[" And so, my fellow Americans", "Größe 12345 — ünïcode", " don't"])
                Assert.Equal(WhisperBase.Tokenizer.Encode(text), opened.Tokenizer.Encode(text));
        }
        using var hub = new ModelHub(new HubOptions { CacheFolder = _folder.File("cache"), Offline = true });
        using var transcriber = await Transcriber.LoadAsync(hub.Resolve(path), new TranscriberOptions { Threads = 1 });
        var options = new TranscriptionOptions
        {
            Decoding = new() { BeamSize = 1, MaxNewTokens = 4 },
            Fallback = new() { Temperatures = [0] },
        };
        var sound = new MemorySamples(WhisperBase.Samples("jfk.wav").AsMemory(0, 32_000));
        // Random weights say anything: that they say it is what is asked.
        await foreach (var segment in transcriber.TranscribeAsync(sound, options))
            Assert.NotNull(segment.Text);
    }

    // Writes 150 MB.
    [Fact(Explicit = true)]
    [Trait("Run", "Long")]
    public void A_converted_base_says_what_the_base_says()
    {
        var path = _folder.File("ggml-base.bin");
        using var weights = new ModelFolder(TestModels.WhisperBase).OpenWeights();
        var config = ((WhisperPrompt)WhisperBase.Model.Prompt!).Config;
        WhisperCppBytes.Write(path, config, WhisperBase.Tokenizer, weights.Names.Select(name => weights.Find(name)!));
        string Heard(string model)
        {
            var options = new TranscriberOptions { Weights = WeightFormat.F32 };
            using var transcriber = Transcriber.LoadAsync(model, options).GetAwaiter().GetResult();
            return string.Concat(transcriber.TranscribeAsync(new MemorySamples(WhisperBase.Samples("jfk.wav")))
                .ToBlockingEnumerable().Select(segment => segment.Text));
        }
        var heard = Heard(path);
        Assert.Contains("ask not what your country can do for you", heard, StringComparison.Ordinal);
        Assert.Equal(Heard(TestModels.WhisperBase), heard);
    }

    [Fact]
    public void A_file_becomes_a_folder_of_the_houses()
    {
        var path = _folder.File("ggml-tiny.bin");
        WhisperCppBytes.Write(path, s_tiny, WhisperBase.Tokenizer, Random(s_tiny));
        var result = CheckpointQuantizer.Run(path, _folder.File("int8"), new QuantizationOptions { Format = WeightFormat.Int8 });
        Assert.True(result.Quantized > 10);
        using WhisperFolder opened = WhisperFolder.Open(path), written = WhisperFolder.Open(_folder.File("int8"));
        Assert.Equal(opened.Config, written.Config);
        Assert.Equal(WeightFormat.Int8, written.Quantization);
        Assert.Equal(opened.Generation.AlignmentHeads, written.Generation.AlignmentHeads);
        Assert.Equal(opened.Tokenizer.Encode(" Größe 12345"), written.Tokenizer.Encode(" Größe 12345"));
        Assert.Equal(opened.Weights.Names.Order(), written.Weights.Names.Order());
    }

    [Fact]
    public void What_is_no_whisper_is_told_apart()
    {
        var good = Small();
        Says("which no Whisper has", Changed(good, 8, -1));
        Says("1000000000 as its audio positions", Changed(good, 8, 1_000_000_000));
        Says("a width of 64 with 3 heads", Changed(good, 16, 3));
        Says("it has mel filters of 81", Changed(good, 48, 81));
        Says("in no format that is known", Changed(good, 0, 1));
        int words = 56 + 80 * 201 * 4;
        Says("it tells of 2000000000 tokens", Changed(good, words, 2_000_000_000));
        Says("it ends after the vocabulary, without tensors", good[..(words + 4)]);
        Says("has 9 dimensions", Changed(good, words + 4, 9));
        Says("has the type 4 (Q4_2", Changed(good, words + 12, 4));
        var twice = new byte[good.Length + good.Length - words - 4];
        good.CopyTo(twice, 0);
        good.AsSpan(words + 4).CopyTo(twice.AsSpan(good.Length));
        Says("is there twice", twice);
        for (int cut = 1; cut < 200; cut += 7) Says("", good[..^cut]);
    }

    [Fact]
    public void Damaged_files_give_checkpoint_errors_only()
    {
        byte[][] seeds = [Small(), File.ReadAllBytes(TestData.Require("goldens/whisper-containers/ggml/ggml-q5_1.bin"))];
        int refused = 0, tries = 0;
        foreach (var random in Fuzzing.Tries(150))
        {
            tries++;
            var bytes = Fuzzing.WithNumber(seeds[random.Next(4) / 3], random);
            if (random.Next(3) == 0) bytes = bytes[..random.Next(bytes.Length)];
            try
            {
                using var file = WhisperCppFile.Open(Write(bytes));
                foreach (var name in file.Names) file.Find(name)!.ToFloats();
            }
            catch (CheckpointException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, tries / 4, tries - 1);
    }

    static IEnumerable<StoredTensor> Random(WhisperConfig config)
    {
        var model = WhisperFamily.OfShape(config);
        var weights = RandomTensors.For(model.Parts, model.PrepareWeights);
        return weights.Names.Select(name => weights.Find(name)!);
    }

    byte[] Small()
    {
        var path = _folder.File("small.bin");
        WhisperCppBytes.Write(path, s_tiny with { VocabSize = 256, MaxSourcePositions = 8, MaxTargetPositions = 8 }, null, Random(
            s_tiny with { VocabSize = 256, MaxSourcePositions = 8, MaxTargetPositions = 8 }));
        return File.ReadAllBytes(path);
    }

    static byte[] Changed(byte[] bytes, int at, int value)
    {
        var copy = (byte[])bytes.Clone();
        BitConverter.TryWriteBytes(copy.AsSpan(at), value);
        return copy;
    }

    void Says(string what, byte[] bytes)
    {
        var path = Write(bytes);
        var message = Assert.Throws<CheckpointException>(() => WhisperCppFile.Open(path).Dispose()).Message;
        Assert.Contains(what, message, StringComparison.Ordinal);
        Assert.Contains(path, message, StringComparison.Ordinal);
    }

    string Write(byte[] bytes)
    {
        File.WriteAllBytes(_folder.File("ggml.bin"), bytes);
        return _folder.File("ggml.bin");
    }
}
