using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtimes;

namespace Earshot.Onnx.Tests.Families;

public sealed class GreedyTokensTests
{
    // One of each language, where the top two logits are never close, as the goldens say; elsewhere rounding may change a token.
    static readonly string[] SafeClips =
    [
        "kathleen-arctic_a0027_1592747914.wav", "nathalie-nl_rhasspy_1151.flac", "kerstin-de_rhasspy-0773.flac",
    ];

    [Theory]
    [InlineData(GraphTarget.OnnxRuntime, GraphPrecision.Float32, 3)]
    [InlineData(GraphTarget.Portable, GraphPrecision.Float16, 1)]
    [InlineData(GraphTarget.OnnxRuntime, GraphPrecision.Float16, 1)]
    [InlineData(GraphTarget.Portable, GraphPrecision.Int8, 1)]
    [InlineData(GraphTarget.OnnxRuntime, GraphPrecision.Int8, 2)]
    [InlineData(GraphTarget.OnnxRuntime, GraphPrecision.Int8Blocks, 1)]
    public async Task A_graph_gives_the_reference_s_tokens_where_none_is_close(GraphTarget target, GraphPrecision precision, int clips)
    {
        NativeRuntime.Require();
        using var real = new WhisperBase();
        var root = Directory.CreateTempSubdirectory("earshot-export-");
        try
        {
            var folder = real.Export(root, new GraphOptions { Target = target, Precision = precision });
            using var runtime = OnnxModelRuntime.Open(folder, real.Parts);
            foreach (var clip in SafeClips.Take(clips))
            {
                var (prompt, tokens) = GreedyTokens.Golden(clip);
                Assert.Equal(tokens, await GreedyTokens.OfAsync(runtime, real.Generation, clip, prompt));
            }
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }
}
