using Earshot.Compute;

namespace Earshot.Checkpoints;

public class WhisperCheckpointTests
{
    [Fact]
    public void Opens_a_whole_model_folder()
    {
        using var model = WhisperCheckpoint.Open(TestData.Require("models/whisper-tiny.en"));
        Assert.Equal(384, model.Config.DModel);
        Assert.Equal(4, model.Config.DecoderLayers);
        Assert.Equal(6, model.Config.EncoderAttentionHeads);
        Assert.Equal(51864, model.Config.VocabSize);
        Assert.False(model.Config.IsMultilingual);
        Assert.Equal(8, model.Generation.AlignmentHeads.Count);
        Assert.Equal(new AlignmentHead(2, 5), model.Generation.AlignmentHeads[2]);
        Assert.Equal([220, 50256], model.Generation.BeginSuppressTokens);
        Assert.Equal(model.Tokenizer.NoTimestamps, model.Generation.NoTimestampsTokenId);
        Assert.Equal(model.Tokenizer.StartOfPrevious, model.Generation.PrevSotTokenId);
        Assert.Equal(3000, model.Preprocessor.FramesPerChunk);
        Assert.Equal(167, model.Weights.Names.Count);
        var embedding = model.Weights.Find("model.decoder.embed_tokens.weight")!;
        Assert.Equal(DType.F16, embedding.Type);
        Assert.Equal(new Shape(51864, 384), embedding.Shape);
        Assert.Null(model.Weights.Find("proj_out.weight"));
    }

    [Fact]
    public void All_weights_of_the_real_model_are_finite()
    {
        using var weights = SafetensorsCheckpoint.Open(TestData.Require("models/whisper-tiny.en"));
        foreach (var name in weights.Names) Assert.Null(TensorScan.FindNonFinite(weights.Find(name)!));
    }
}
