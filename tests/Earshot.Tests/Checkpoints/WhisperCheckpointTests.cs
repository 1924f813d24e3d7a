using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Compute.Quantization;
using Earshot.Tests.Models;
using Earshot.Tokenizers;

namespace Earshot.Checkpoints;

public class WhisperCheckpointTests
{
    [Fact]
    public void Opens_a_whole_model_folder()
    {
        using var model = WhisperFolder.Open(TestModels.WhisperBase);
        Assert.Equal(512, model.Config.DModel);
        Assert.Equal(6, model.Config.DecoderLayers);
        Assert.Equal(8, model.Config.EncoderAttentionHeads);
        Assert.Equal(51865, model.Config.VocabSize);
        Assert.True(model.Config.IsMultilingual);
        Assert.Equal(8, model.Generation.AlignmentHeads.Count);
        Assert.Equal(new AlignmentHead(3, 1), model.Generation.AlignmentHeads[0]);
        Assert.Equal([220, 50257], model.Generation.BeginSuppressTokens);
        Assert.Equal(model.Tokenizer.NoTimestamps, model.Generation.NoTimestampsTokenId);
        Assert.Equal(model.Tokenizer.StartOfPrevious, model.Generation.PrevSotTokenId);
        Assert.Equal(3000, model.Model.Parts.Encoder!.Shape.MostFrames);
        Assert.Equal(245, model.Weights.Names.Count);
        var embedding = model.Weights.Find("model.decoder.embed_tokens.weight")!;
        Assert.IsAssignableFrom<IQuantizedRows>(embedding);
        Assert.Equal(new Shape(51865, 512), embedding.Shape);
        Assert.Equal(DType.F16, model.Weights.Find("model.encoder.conv1.weight")!.Type);
        Assert.Null(model.Weights.Find("proj_out.weight"));
    }

    [Fact]
    public void All_weights_of_the_real_model_are_finite()
    {
        using var model = WhisperFolder.Open(TestModels.WhisperBase);
        foreach (var name in model.Weights.Names) Assert.Null(TensorScan.FindNonFinite(model.Weights.Find(name)!));
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("generation_config.json")]
    [InlineData("preprocessor_config.json")]
    [InlineData("model.safetensors.index.json")]
    public void Damaged_settings_give_errors_of_ours_only(string name)
    {
        using var folder = new TemporaryFolder();
        WriteSmallModel(folder);
        using (var model = WhisperFolder.Open(folder.Path)) Assert.Equal(["a"], model.Weights.Names);
        var original = File.ReadAllBytes(folder.File(name));
        var random = new Random(11);
        int refused = 0;
        for (int round = 0; round < 400; round++)
        {
            File.WriteAllBytes(folder.File(name), Mutation.Of(original, random));
            try
            {
                WhisperFolder.Open(folder.Path).Dispose();
            }
            catch (Exception e) when (e is CheckpointException or ModelException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 50, 399);
    }

    [Fact]
    public void A_tokenizer_of_a_larger_model_is_refused()
    {
        using var folder = new TemporaryFolder();
        WriteSmallModel(folder);
        folder.Write("config.json", File.ReadAllText(folder.File("config.json")).Replace("1868", "1867", StringComparison.Ordinal));
        Assert.Contains(
            "has 1868 tokens", Assert.Throws<CheckpointException>(() => WhisperFolder.Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    static void WriteSmallModel(TemporaryFolder folder)
    {
        folder.Write("config.json", """
            {"model_type": "whisper", "d_model": 8, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 8,
             "decoder_layers": 2, "decoder_attention_heads": 2, "decoder_ffn_dim": 8, "vocab_size": 1868, "activation_function": "gelu"}
            """);
        folder.Write("generation_config.json", """
            {"alignment_heads": [[1, 0]], "suppress_tokens": [1, 2], "forced_decoder_ids": [[1, null]], "lang_to_id": {"<|en|>": 262},
             "eos_token_id": 260, "is_multilingual": false, "max_length": 448}
            """);
        folder.Write(
            "preprocessor_config.json",
            """{"feature_size": 80, "hop_length": 160, "n_fft": 400, "chunk_length": 30, "sampling_rate": 16000}""");
        folder.Write("tokenizer.json", TinyTokenizer.TokenizerJson());
        SafetensorsWriter.Write(
            folder.File("m-1.safetensors"), [new TensorToWrite("a", DType.U8, new Shape(1), stream => stream.WriteByte(1))]);
        folder.Write("model.safetensors.index.json", """{"metadata": {"total_size": 1}, "weight_map": {"a": "m-1.safetensors"}}""");
    }
}
