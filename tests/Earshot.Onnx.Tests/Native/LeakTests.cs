using Earshot.Onnx.Native;

namespace Earshot.Onnx.Tests.Native;

/// <summary>Runs beside no other test, because it measures the whole process.</summary>
[CollectionDefinition(nameof(LeakTests), DisableParallelization = true)]
[Collection(nameof(LeakTests))]
public sealed class LeakTests
{
    readonly float[] _audio = new float[576];
    readonly float[] _state = new float[256];
    readonly long[] _rate = [16000];

    [Fact]
    public void Ten_thousand_runs_leave_nothing_behind()
    {
        NativeRuntime.Require();
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Resident memory is read from /proc.");
        using var session = OnnxSession.FromFile(
            TestData.Require("models/silero-vad/silero_vad.onnx"), new OnnxSessionOptions { IntraOpThreads = 1 });
        using var source = new CancellationTokenSource();
        Runs(session, 2000, source.Token);
        long handles = OrtHandle.Live;
        // A leak grows in every round; the collector and the allocators, which also take memory now and then, do not.
        long least = long.MaxValue;
        for (int round = 0; round < 4; round++)
        {
            long before = ResidentBytes();
            Runs(session, 3000, source.Token);
            least = Math.Min(least, ResidentBytes() - before);
        }
        Assert.Equal(handles, OrtHandle.Live);
        // The state that each run makes is 1 kB: lost, they alone would be 3 MB a round.
        Assert.True(least < 1 << 20, $"Resident memory grew by {least / 1024} kB in every round.");
    }

    [Fact]
    public void Forgotten_objects_are_given_back_by_the_collector()
    {
        NativeRuntime.Require();
        long before = OrtHandle.Live;
        Forget();
        Assert.True(OrtHandle.Live >= before + 100);
        ResidentBytes();
        Assert.Equal(before, OrtHandle.Live);

        static void Forget()
        {
            for (int i = 0; i < 100; i++) _ = OnnxValue.Allocate(OnnxElementType.Float32, 1000);
        }
    }

    void Runs(OnnxSession session, int count, CancellationToken cancellationToken)
    {
        for (int i = 0; i < count; i++)
        {
            using var input = OnnxValue.FromMemory<float>(_audio, 1, 576);
            using var state = OnnxValue.FromMemory<float>(_state, 2, 1, 128);
            using var rate = OnnxValue.FromMemory<long>(_rate);
            using var outputs = session.Run([("input", input), ("state", state), ("sr", rate)], cancellationToken: cancellationToken);
        }
    }

    static long ResidentBytes()
    {
        for (int i = 0; i < 2; i++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive);
            GC.WaitForPendingFinalizers();
        }
        return long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1]) * Environment.SystemPageSize;
    }
}
