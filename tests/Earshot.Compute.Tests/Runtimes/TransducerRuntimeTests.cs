using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Compute.Tests.Cpu;

namespace Earshot.Compute.Tests.Runtimes;

/// <summary>Streams of a small transducer with random weights.</summary>
public sealed class TransducerRuntimeTests
{
    const int Width = 16;

    public static TheoryData<InstructionSet> Sets => MatrixProductTests.Sets;

    [Theory]
    [MemberData(nameof(Sets))]
    public async Task A_recording_says_the_same_however_it_is_cut(InstructionSet set)
    {
        foreach (var transducer in new[] { new ToyTransducer(), new ToyTransducer(0, 1, 2, 5) })
        {
            using var device = new CpuDevice(new CpuOptions { InstructionSet = set, Threads = 2 });
            using var runtime = Open(transducer, device);
            var sound = Sound(positions: 700, seed: 1);
            using var whole = runtime.RequireTransducer().Begin();
            var expected = await whole.DecodeAsync(sound, 700, TestContext.Current.CancellationToken);
            Assert.True(expected.Count > 20 && expected.Select(token => token.Id).Distinct().Count() > 2);
            Assert.All(expected.Zip(expected.Skip(1)), pair => Assert.True(pair.First.Position <= pair.Second.Position));
            using var pieces = runtime.RequireTransducer().Begin();
            var said = new List<TransducerToken>();
            foreach (var (from, to) in new[] { (0, 1), (1, 2), (2, 3), (3, 3), (3, 100), (100, 691), (691, 700) })
                said.AddRange(await pieces.DecodeAsync(
                    sound.AsMemory(from * Width, (to - from) * Width), to - from, TestContext.Current.CancellationToken));
            Assert.Equal(expected, said);
            Assert.Equal((700, 700), (whole.Positions, pieces.Positions));
        }
    }

    [Fact]
    public async Task What_was_said_elsewhere_can_be_told()
    {
        using var runtime = Open(new ToyTransducer());
        var sound = Sound(300, seed: 2);
        using var whole = runtime.RequireTransducer().Begin();
        var first = await whole.DecodeAsync(sound.AsMemory(0, 150 * Width), 150, TestContext.Current.CancellationToken);
        var rest = await whole.DecodeAsync(sound.AsMemory(150 * Width), 150, TestContext.Current.CancellationToken);
        using var later = runtime.RequireTransducer().Begin();
        await later.SayAsync(first.Select(token => token.Id).ToArray(), TestContext.Current.CancellationToken);
        var said = await later.DecodeAsync(sound.AsMemory(150 * Width), 150, TestContext.Current.CancellationToken);
        Assert.Equal(rest, said.Select(token => token with { Position = token.Position + 150 }));
        using var fresh = runtime.RequireTransducer().Begin();
        Assert.NotEqual(said, await fresh.DecodeAsync(sound.AsMemory(150 * Width), 150, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Streams_at_once_do_not_disturb_each_other()
    {
        using var runtime = Open(new ToyTransducer(0, 1, 2));
        var alone = new List<IReadOnlyList<TransducerToken>>();
        for (int i = 0; i < 6; i++) alone.AddRange(await DecodeAsync(runtime, i));
        var together = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => Task.Run(() => DecodeAsync(runtime, i))));
        Assert.Equal(alone, together.SelectMany(said => said));
        Assert.Equal(24, runtime.Times!.Value.Steps);

        static async Task<List<IReadOnlyList<TransducerToken>>> DecodeAsync(CpuModelRuntime runtime, int seed)
        {
            using var stream = runtime.RequireTransducer().Begin();
            var sound = Sound(100, seed);
            return [await stream.DecodeAsync(sound.AsMemory(0, 50 * Width), 50), await stream.DecodeAsync(sound.AsMemory(50 * Width), 50)];
        }
    }

    [Fact]
    public async Task A_stream_that_is_cut_short_cannot_go_on()
    {
        using var runtime = Open(new ToyTransducer());
        using var stream = runtime.RequireTransducer().Begin();
        using var canceled = new CancellationTokenSource();
        canceled.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream.SayAsync(new[] { 1 }, canceled.Token).AsTask());
        var error = await Assert.ThrowsAsync<ModelException>(
            () => stream.SayAsync(new[] { 1 }, TestContext.Current.CancellationToken).AsTask());
        Assert.Contains("begin a new stream", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Arguments_that_do_not_fit_are_refused_before_anything_is_computed()
    {
        using var runtime = Open(new ToyTransducer());
        using var stream = runtime.RequireTransducer().Begin();
        foreach (int token in new[] { -1, 9, 10 })
            Assert.Contains(
                $"Token {token} ", (await Assert.ThrowsAsync<ModelException>(() =>
                    stream.SayAsync(new[] { token }, TestContext.Current.CancellationToken).AsTask())).Message, StringComparison.Ordinal);
        var error = await Assert.ThrowsAsync<ModelException>(
            () => stream.DecodeAsync(new float[33], 2, TestContext.Current.CancellationToken).AsTask());
        Assert.Contains("2 positions and 33 values", error.Message, StringComparison.Ordinal);
        Assert.Empty(await stream.DecodeAsync(default, 0, TestContext.Current.CancellationToken));
        Assert.Equal(0, runtime.Times!.Value.Steps);
        Assert.NotNull(await stream.DecodeAsync(Sound(2, 1), 2, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_model_without_a_transducer_says_so()
    {
        using var runtime = new CpuModelRuntime(new ModelParts { Encoder = new ToyEncoder() }, new RandomTensors());
        Assert.Null(runtime.Transducer);
        Assert.Contains("no transducer", Assert.Throws<ModelException>(runtime.RequireTransducer).Message, StringComparison.Ordinal);
    }

    static CpuModelRuntime Open(ToyTransducer transducer, CpuDevice? device = null) =>
        new(new ModelParts { Transducer = transducer }, new RandomTensors(new RandomTensorOptions { Seed = 3, Type = DType.F32 }), device);

    static float[] Sound(int positions, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, positions * Width).Select(_ => (random.NextSingle() * 6) - 3)];
    }
}
