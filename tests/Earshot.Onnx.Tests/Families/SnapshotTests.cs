using Earshot.Onnx.Export;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Tests.Families;

public sealed class SnapshotTests
{
    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public void A_one_layer_encoder_is_recorded_as_it_was(GraphTarget target)
    {
        var config = SmallWhisper.Config() with { EncoderLayers = 1, DecoderLayers = 1 };
        var text = new ModelGraphs(
            "whisper", SmallWhisper.Parts(config), SmallWhisper.Weights(config), new GraphOptions { Target = target }).Encoder().ToString();
        var path = Path.Combine(TestData.RepositoryRoot, $"tests/goldens/onnx-encoder-{target}.txt");
        Assert.True(File.Exists(path), $"There is no snapshot '{path}'. If this is right, make it:\n{text}");
        Assert.Equal(File.ReadAllText(path), text);
    }
}
