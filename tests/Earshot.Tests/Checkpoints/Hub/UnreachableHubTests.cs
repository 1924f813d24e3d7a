using System.Net;
using System.Net.Sockets;

namespace Earshot.Checkpoints;

/// <summary>A hub that cannot be reached is given up soon, and the model in the box is named as the way on.</summary>
public sealed class UnreachableHubTests : IDisposable
{
    static readonly TimeSpan s_most = TimeSpan.FromSeconds(5);

    readonly TemporaryFolder _folder = new();
    readonly SteppingClock _clock = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task One_that_refuses() => await FailsAsync(new Uri("http://127.0.0.1:1"));

    [Fact]
    public async Task One_whose_name_is_not_known() => await FailsAsync(new Uri("http://no-such-hub.invalid"));

    [Fact]
    public async Task One_that_never_answers()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var message = await FailsAsync(new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"));
        Assert.Contains("no answer within 3 s", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_has_answered_is_waited_for_longer()
    {
        using var server = new FakeHub { BusyFor = 5 };
        using var hub = new ModelHub(Options(server.Endpoint));
        Assert.True(Directory.Exists(await hub.GetAsync("org/model")));
        Assert.Equal(31, _clock.Elapsed.TotalSeconds, 1);
    }

    [Fact]
    public async Task A_commit_counts_as_whole_only_with_all_its_files()
    {
        using var server = new FakeHub { CutAfter = 1000, Cuts = 1000 };
        using var hub = new ModelHub(Options(server.Endpoint) with { Retries = 0 });
        server.Distort = content => content[..0];
        await Assert.ThrowsAsync<CheckpointException>(() => hub.GetAsync("org/model"));
        var snapshot = Path.Combine(_folder.File("hub"), "models--org--model", "snapshots", FakeHub.Commit);
        Assert.True(File.Exists(Path.Combine(snapshot, "tokenizer.json")));
        Assert.Null(hub.TryResolve($"org/model@{FakeHub.Commit}"));
        // Another client may fetch the weights first.
        await File.WriteAllBytesAsync(Path.Combine(snapshot, "model.safetensors"), [0]);
        Assert.NotNull(hub.TryResolve($"org/model@{FakeHub.Commit}"));
        File.Delete(Path.Combine(snapshot, "tokenizer.json"));
        Assert.Null(hub.TryResolve($"org/model@{FakeHub.Commit}"));
    }

    [Fact]
    public void The_model_in_the_box_is_opened_by_its_short_name()
    {
        using var hub = new ModelHub(Options(new Uri("http://127.0.0.1:1")) with { Offline = true });
        Assert.Equal(BundledModels.Find(BundledModels.WhisperBase), hub.TryResolve("Base"));
        Assert.Null(hub.TryResolve("openai/whisper-base"));
        Assert.Contains("Earshot.Models.Base", BundledModels.NotHere(BundledModels.WhisperBase).Message, StringComparison.Ordinal);
        Assert.Contains(
            "came with the program", Assert.Throws<CheckpointException>(() => hub.Remove("base")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Models_are_listed_with_where_they_are()
    {
        var snapshot = Path.Combine(_folder.File("hub"), "models--openai--whisper-tiny", "snapshots", FakeHub.Commit);
        Directory.CreateDirectory(snapshot);
        using var hub = new ModelHub(Options(new Uri("http://127.0.0.1:1")));
        var models = hub.List();
        var tiny = Assert.Single(models, model => model.Name == "openai/whisper-tiny");
        Assert.Equal((ModelPlace.Cache, false, "tiny"), (tiny.Where, tiny.IsComplete, tiny.ShortNames[0]));
        var turbo = Assert.Single(models, model => model.ShortNames.Contains("turbo"));
        Assert.Equal((ModelPlace.Hub, 1_620_000_000L), (turbo.Where, turbo.Bytes));
        var vad = Assert.Single(models, model => model.Name == BundledModels.SileroVad);
        Assert.Equal((ModelPlace.Box, true, "voice activity detection"), (vad.Where, vad.IsComplete, vad.Purpose));
        Assert.DoesNotContain(models, model => model.Name == "openai/whisper-base");
    }

    async Task<string> FailsAsync(Uri endpoint)
    {
        using var hub = new ModelHub(Options(endpoint));
        var error = await Assert.ThrowsAsync<CheckpointException>(() => hub.GetAsync("org/model"));
        Assert.InRange(_clock.Elapsed, TimeSpan.Zero, s_most);
        Assert.Contains($"Cannot download from '{endpoint}'", error.Message, StringComparison.Ordinal);
        if (BundledModels.Find(BundledModels.WhisperBase) is { } box)
            Assert.Contains($"--model base; its folder is '{box}'", error.Message, StringComparison.Ordinal);
        Assert.Empty(hub.ListCached());
        return error.Message;
    }

    HubOptions Options(Uri endpoint) => new() { CacheFolder = _folder.File("hub"), Endpoint = endpoint, Clock = _clock };

    /// <summary>A clock that stands still but for timers: one that nobody took back for a moment is due, and time steps to it.</summary>
    sealed class SteppingClock : TimeProvider
    {
        static readonly TimeSpan s_moment = TimeSpan.FromMilliseconds(500);

        long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public TimeSpan Elapsed => TimeSpan.FromTicks(GetTimestamp());

        public override long GetTimestamp() => Interlocked.Read(ref _now);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new Stepper(this, callback, state);
            timer.Change(dueTime, period);
            return timer;
        }

        void StepTo(long ticks)
        {
            long now;
            while ((now = GetTimestamp()) < ticks && Interlocked.CompareExchange(ref _now, ticks, now) != now) { }
        }

        sealed class Stepper : ITimer
        {
            readonly SteppingClock _clock;
            readonly Timer _timer;
            long _due;

            public Stepper(SteppingClock clock, TimerCallback callback, object? state)
            {
                _clock = clock;
                _timer = new Timer(_ =>
                {
                    clock.StepTo(Interlocked.Read(ref _due));
                    callback(state);
                });
            }

            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                if (dueTime < TimeSpan.Zero) return _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                Interlocked.Exchange(ref _due, _clock.GetTimestamp() + dueTime.Ticks);
                // What is due later fires later: an answer on the way is not overtaken by a long limit.
                return _timer.Change(dueTime == TimeSpan.Zero ? TimeSpan.Zero : s_moment + (dueTime / 20), Timeout.InfiniteTimeSpan);
            }

            public void Dispose() => _timer.Dispose();

            public ValueTask DisposeAsync() => _timer.DisposeAsync();
        }
    }
}
