using Earshot.Onnx.Recording;
using Earshot.Onnx.Runner;
using Earshot.Onnx.Tests.Export;

namespace Earshot.Onnx.Tests.Runner;

public sealed class GreedyTokensTests
{
    // Clips where the top two logits are never close, as the goldens say; elsewhere rounding may change a token.
    static readonly string[] SafeClips =
        ["jfk.wav", "librispeech-test-clean-1089-134691-0000.wav", "kathleen-arctic_a0023_1592748016.wav", "librispeech-test-other-3080-5032-0000.wav"];

    [Fact]
    public void Float32_gives_the_reference_s_tokens_on_every_clip()
    {
        NativeRuntime.Require();
        using var exported = ExportFolder.OfTinyEnglish(new GraphOptions());
        using var runtime = OnnxWhisperRuntime.Open(exported.Folder);
        // One clip's golden is a loop up to the context's end; beginnings say as much.
        const int most = 48;
        foreach (var (clip, tokens) in GreedyTokens.Golden()) Assert.Equal(tokens.Take(most), GreedyTokens.Of(runtime, clip, most));
    }

    [Theory]
    [InlineData(GraphTarget.Portable, GraphPrecision.Float16, 1)]
    [InlineData(GraphTarget.OnnxRuntime, GraphPrecision.Float16, 4)]
    [InlineData(GraphTarget.Portable, GraphPrecision.Int8, 1)]
    [InlineData(GraphTarget.OnnxRuntime, GraphPrecision.Int8, 4)]
    [InlineData(GraphTarget.OnnxRuntime, GraphPrecision.Int8Blocks, 4)]
    public void Reduced_precisions_give_the_reference_s_tokens_where_none_is_close(GraphTarget target, GraphPrecision precision, int clips)
    {
        NativeRuntime.Require();
        using var exported = ExportFolder.OfTinyEnglish(new GraphOptions { Target = target, Precision = precision });
        using var runtime = OnnxWhisperRuntime.Open(exported.Folder);
        var golden = GreedyTokens.Golden();
        foreach (var clip in SafeClips.Take(clips)) Assert.Equal(golden[clip], GreedyTokens.Of(runtime, clip, 100));
    }
}
