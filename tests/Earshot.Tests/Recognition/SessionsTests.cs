using System.Diagnostics;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Recognition;
using Earshot.Tests.Models;
using Earshot.Transcription;

namespace Earshot.Tests.Recognition;

/// <summary>Many recordings at once on few threads: waiting takes none of them.</summary>
public sealed class SessionsTests
{
    const int Sessions = 200, PoolThreads = 4;
    const string InItsOwnProcess = "EARSHOT_SESSIONS_PROCESS";

    static readonly Lazy<float[]> s_jfk = new(() => WhisperBase.Samples("jfk.wav"));

    [Fact]
    public async Task Two_hundred_recordings_at_once_end_on_four_pool_threads()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Whether a thread sleeps is read from /proc, which only Linux has.");
        var start = new ProcessStartInfo(
            Environment.ProcessPath!, ["-method", $"*.{nameof(SessionsTests)}.{nameof(Body)}", "-explicit", "only"])
        {
            RedirectStandardOutput = true,
        };
        start.Environment[InItsOwnProcess] = "1";
        start.Environment["DOTNET_ThreadPool_ForceMaxWorkerThreads"] = $"{PoolThreads:x}";
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(
            process.ExitCode == 0 && output.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0", StringComparison.Ordinal), output);
    }

    /// <summary>What the test above runs in a process of its own.</summary>
    [Fact(Explicit = true)]
    public async Task Body()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable(InItsOwnProcess) == "1", "Runs in a process of its own.");
        ThreadPool.GetMaxThreads(out int workers, out _);
        Assert.Equal(PoolThreads, workers);
        var config = RandomWhisperTests.Small() with
        {
            DModel = 32,
            DecoderLayers = 1,
            EncoderLayers = 1,
            EncoderAttentionHeads = 2,
            DecoderAttentionHeads = 2,
        };
        var model = WhisperFamily.OfShape(config) with { Tokenizer = WhisperBase.Tokenizer };
        var limits = new RuntimeLimits { Windows = 8, Rows = 16, Waiting = 4 * Sessions };
        using var recognizer = new WhisperRecognizer(model, new CpuModelRuntime(model.Parts, new RandomTensors(), limits: limits));
        using var detectorDevice = new CpuDevice(new CpuOptions { Threads = 1 });
        using var file = SafetensorsFile.Open(TestModels.SileroVad);
        using var detector = new SileroWeights(file, detectorDevice);
        var transcriber = new RecordingTranscriber(recognizer, () => new SileroSpeechDetector(new SileroVad(detector)));

        var alone = new string[4];
        for (int i = 0; i < alone.Length; i++) alone[i] = await TranscribeAsync(transcriber, i);
        using var watch = new PoolWatch();
        var texts = await Task.WhenAll(Enumerable.Range(0, Sessions).Select(i => TranscribeAsync(transcriber, i)));
        Assert.Equal(Sessions, texts.Length);
        for (int i = 0; i < Sessions; i++) Assert.Equal(alone[i % alone.Length], texts[i]);
        watch.Check();
    }

    // Four recordings, each a part of the real one, so that there is speech and several lengths meet.
    static async Task<string> TranscribeAsync(RecordingTranscriber transcriber, int session)
    {
        await Task.Yield();
        var samples = s_jfk.Value[..(100_000 - session % 4 * 20_000)];
        var options = new TranscriptionOptions
        {
            Language = "en",
            Vad = new VadOptions(),
            ShortWindows = true,
            Decoding = new() { BeamSize = 1 + session % 2, MaxNewTokens = 8 },
            Fallback = new() { Temperatures = [0] },
        };
        return (await transcriber.TranscribeToEndAsync(new MemorySamples(samples), options)).Text;
    }

    /// <summary>
    /// Samples the pool's queue: work that waits while all of the pool's threads sleep would say that they sleep in somebody's wait.
    /// </summary>
    sealed class PoolWatch : IDisposable
    {
        // Threads need a moment to take what was just queued.
        const int Suspicious = 20;

        readonly Thread _thread;
        volatile bool _stopping;
        int _samples, _queued, _longestBlocked;

        public PoolWatch()
        {
            _thread = new Thread(Watch) { IsBackground = true };
            _thread.Start();
        }

        public void Check()
        {
            Dispose();
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{_samples} samples, {_queued} with work waiting, at most {_longestBlocked} in a row with all threads asleep.");
            Assert.True(_samples > 10 && _queued > 0, $"{_samples} samples, {_queued} with work waiting");
            Assert.True(_longestBlocked < Suspicious, $"The pool's threads slept through {_longestBlocked} samples while work waited.");
        }

        public void Dispose()
        {
            _stopping = true;
            _thread.Join();
        }

        void Watch()
        {
            for (int blocked = 0; !_stopping; Thread.Sleep(5))
            {
                _samples++;
                bool waits = ThreadPool.PendingWorkItemCount > 0;
                if (waits) _queued++;
                blocked = waits && AllSleep() ? blocked + 1 : 0;
                _longestBlocked = Math.Max(_longestBlocked, blocked);
            }
        }

        static bool AllSleep()
        {
            int workers = 0;
            foreach (var task in Directory.EnumerateDirectories("/proc/self/task"))
            {
                string stat;
                try
                {
                    stat = File.ReadAllText(Path.Combine(task, "stat"));
                }
                catch (IOException)
                {
                    continue; // it ended
                }
                // number (name) state …
                int end = stat.LastIndexOf(')');
                if (!stat[..end].Contains("TP Worker", StringComparison.Ordinal)) continue;
                workers++;
                if (stat[end + 2] != 'S') return false;
            }
            return workers >= PoolThreads;
        }
    }
}
