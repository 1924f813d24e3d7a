using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;
using Earshot.Compute.Tests.Cpu;

namespace Earshot.Compute.Tests.Runtimes;

/// <summary>Sound of a small voice with random weights.</summary>
public sealed class VoiceRuntimeTests
{
    const int Inputs = 6, Samples = 4;

    public static TheoryData<InstructionSet> Sets => MatrixProductTests.Sets;

    [Theory, MemberData(nameof(Sets))]
    public async Task Sound_made_in_pieces_has_the_bits_of_the_whole(InstructionSet set)
    {
        foreach (var format in new[] { WeightFormat.F32, WeightFormat.Int8 })
        {
            using var device = new CpuDevice(new CpuOptions { InstructionSet = set, Threads = 2, Weights = format });
            using CpuModelRuntime whole = Open(new ToyVoice(mostFrames: 1000), device), pieces = Open(new ToyVoice(), device);
            int made = 0;
            // 40 frames fit at once, of longer ones 26 without the context.
            foreach (var (frames, count) in new[] { (2, 1), (40, 1), (41, 2), (67, 3), (700, 27) })
            {
                var features = Features(frames, seed: frames);
                var expected = await whole.RequireVoice().SpeakAsync(features, frames, TestContext.Current.CancellationToken);
                Assert.Equal(frames * Samples, expected.Length);
                Assert.True(expected.Distinct().Count() > frames);
                Assert.Equal(expected, await pieces.RequireVoice().SpeakAsync(features, frames, TestContext.Current.CancellationToken));
                Assert.Equal(made += count, pieces.Times!.Value.Pieces);
            }
            Assert.Equal(5, whole.Times!.Value.Pieces);
        }
    }

    [Fact]
    public async Task Less_context_than_the_voice_hears_would_be_noticed()
    {
        using CpuModelRuntime whole = Open(new ToyVoice(mostFrames: 1000)), pieces = Open(new ToyVoice(context: 6));
        var features = Features(100, seed: 1);
        Assert.NotEqual(
            await whole.RequireVoice().SpeakAsync(features, 100, TestContext.Current.CancellationToken),
            await pieces.RequireVoice().SpeakAsync(features, 100, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Calls_at_once_do_not_disturb_each_other()
    {
        using var runtime = Open(new ToyVoice());
        var alone = new List<float[]>();
        for (int i = 0; i < 6; i++) alone.Add(await SpeakAsync(runtime, i));
        var together = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => Task.Run(() => SpeakAsync(runtime, i))));
        Assert.Equal(alone, together);

        static async Task<float[]> SpeakAsync(CpuModelRuntime runtime, int seed) =>
            await runtime.RequireVoice().SpeakAsync(Features(150, seed), 150);
    }

    [Fact]
    public async Task A_cancellation_is_noticed_between_pieces()
    {
        using var source = new CancellationTokenSource();
        int begun = 0;
        using var runtime = Open(new ToyVoice { Begins = () => { if (++begun == 2) source.Cancel(); } });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => runtime.RequireVoice().SpeakAsync(Features(400, 1), 400, source.Token).AsTask());
        Assert.Equal(2, begun);
        Assert.NotEmpty(await runtime.RequireVoice().SpeakAsync(Features(400, 1), 400, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Features_that_do_not_fit_are_refused_before_anything_is_computed()
    {
        using var runtime = Open(new ToyVoice(context: null));
        foreach (var (frames, values) in new[] { (1, Inputs), (41, 41 * Inputs), (3, 17), (-1, 0), (0, 0) })
        {
            var error = await Assert.ThrowsAsync<ModelException>(
                () => runtime.RequireVoice().SpeakAsync(new float[values], frames, TestContext.Current.CancellationToken).AsTask());
            Assert.Contains($"{frames} frames and {values} values", error.Message, StringComparison.Ordinal);
            Assert.Contains("at least 2 and at most 40 frames of 6", error.Message, StringComparison.Ordinal);
        }
        Assert.Equal(0, runtime.Times!.Value.Pieces);
        Assert.Equal(160, (await runtime.RequireVoice().SpeakAsync(Features(40, 1), 40, TestContext.Current.CancellationToken)).Length);
    }

    [Fact]
    public void A_voice_of_nothing_but_context_is_refused()
    {
        var error = Assert.Throws<ModelException>(() => Open(new ToyVoice(mostFrames: 14)));
        Assert.Contains("at least 15", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_a_voice_says_so()
    {
        using var runtime = new CpuModelRuntime(new ModelParts { Encoder = new ToyEncoder() }, new RandomTensors());
        Assert.Null(runtime.Voice);
        Assert.Contains("no voice", Assert.Throws<ModelException>(runtime.RequireVoice).Message, StringComparison.Ordinal);
    }

    static CpuModelRuntime Open(ToyVoice voice, CpuDevice? device = null) =>
        new(new ModelParts { Voice = voice }, new RandomTensors(new RandomTensorOptions { Seed = 3, Type = DType.F32 }), device);

    static float[] Features(int frames, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, frames * Inputs).Select(_ => (random.NextSingle() * 2) - 1)];
    }
}
