using Earshot.Cli.Benchmarks.Peers;

namespace Earshot.Cli.Tests.Peers;

/// <summary>Other engines' programs: as they are, broken, silent, and without an end.</summary>
public sealed class PeerProgramTests : IDisposable
{
    readonly FakePeers _peers = new();
    readonly PeerSound _sound = PeerSound.Read(null, 2);

    public void Dispose()
    {
        _sound.Dispose();
        _peers.Dispose();
    }

    [Fact]
    public async Task Whisper_cpp_is_read_by_its_own_times_and_segments()
    {
        _peers.AddWhisperCli($"echo \"$@\" > '{_peers["arguments"]}'\n{FakePeers.WhisperCli}");
        var peer = Peer(_peers.Search);
        var result = await peer.RunAsync(default);
        // All but loading the model.
        Assert.Equal(2.0, result.Seconds, 6);
        Assert.Equal("And so my fellow Americans, ask not what your country can do for you.", result.Text);
        Assert.Equal("f16", peer.Setting);
        Assert.Equal(
            $"-m {_peers["ggml.bin"]} -f {_sound.WavFile} -l en -t 2 -bs 1 -bo 1 -nf -mc 0\n", File.ReadAllText(_peers["arguments"]));
    }

    [Theory]
    [InlineData("echo broken: /home/me/secret >&2; exit 3", "it ended with exit code 3", "broken: /home/me/secret")]
    [InlineData("kill -9 $$", "it ended with exit code 137", null)]
    [InlineData("echo nothing of use", "it told no times (whisper_print_timings)", null)]
    [InlineData("head -c 100000 /dev/urandom; head -c 100000 /dev/urandom >&2", "it told no times (whisper_print_timings)", null)]
    [InlineData("echo 'whisper_print_timings: total time = 1e999 ms' >&2", "it told no times (whisper_print_timings)", null)]
    [InlineData(
        "echo 'whisper_print_timings: total time = 1 ms' >&2; echo 'whisper_print_timings: load time = 2 ms' >&2",
        "it told no times (whisper_print_timings)", null)]
    [InlineData("dd if=/dev/zero bs=1048576 count=40 2>/dev/null", "it told no times (whisper_print_timings)", null)]
    public async Task A_broken_program_is_a_failure_in_our_own_words(string script, string message, string? said)
    {
        _peers.AddWhisperCli(script);
        var failure = await Assert.ThrowsAsync<PeerException>(() => Peer(_peers.Search).RunAsync(default));
        Assert.Equal((message, said), (failure.Message, failure.Said));
    }

    [Fact]
    public async Task A_program_without_an_end_is_given_up_and_ends_with_what_it_started()
    {
        _peers.AddWhisperCli($"sleep 1000 &\necho $! > '{_peers["child"]}'\nwait");
        var patient = _peers.Search with { Timeout = TimeSpan.FromSeconds(1) };
        var failure = await Assert.ThrowsAsync<PeerException>(() => Peer(patient).RunAsync(default));
        Assert.Equal("it did not end within 1 s", failure.Message);
        _peers.AssertEnds("child");
    }

    [Fact]
    public async Task A_cancelled_program_ends_with_what_it_started()
    {
        _peers.AddWhisperCli($"sleep 1000 &\necho $! > '{_peers["child"]}'\nwait");
        using var cancelled = new CancellationTokenSource();
        var run = Peer(_peers.Search).RunAsync(cancelled.Token);
        while (!File.Exists(_peers["child"]) || new FileInfo(_peers["child"]).Length == 0) await Task.Delay(10);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        _peers.AssertEnds("child");
    }

    [Fact]
    public async Task A_file_that_is_no_program_cannot_be_started()
    {
        _peers.Set(WhisperCpp.ProgramVariable, _peers["ggml.bin"]);
        var failure = await Assert.ThrowsAsync<PeerException>(() => Peer(_peers.Search).RunAsync(default));
        Assert.Equal("its program cannot be started", failure.Message);
    }

    [Fact]
    public void Programs_are_found_by_variables_folders_and_the_path()
    {
        var file = _peers.Program("bin/whisper-cli", "exit 0");
        var folder = Path.GetDirectoryName(file)!;
        Assert.Equal(file, Found((WhisperCpp.ProgramVariable, file)));
        Assert.Equal(file, Found((WhisperCpp.ProgramVariable, folder)));
        Assert.Equal(file, Found(("PATH", $"/absent:{folder}")));
        Assert.Equal(file, Found((WhisperCpp.ProgramVariable, "whisper-cli"), ("PATH", folder)));
        Assert.Null(Found((WhisperCpp.ProgramVariable, "/absent/whisper-cli"), ("PATH", folder)));
        // Nothing of the current folder.
        Assert.Null(Found(("PATH", ".:bin::")));
        Assert.Null(Found());

        static string? Found(params (string Name, string Value)[] variables) => new PeerSearch(
            variables.ToDictionary(variable => variable.Name, variable => variable.Value).GetValueOrDefault)
            .Program(WhisperCpp.ProgramVariable, "whisper-cli");
    }

    [Fact]
    public async Task Python_packages_load_once_and_answer_line_by_line()
    {
        _peers.AddPython("faster_whisper", "numpy");
        var python = PythonPeer.FindPython(_peers.Search)!;
        Assert.True(await PythonPeer.HasAsync(python, "faster_whisper", _peers.Search, default));
        Assert.False(await PythonPeer.HasAsync(python, "openvino", _peers.Search, default));
        using var peer = await PythonPeer.OpenAsync(python, TaskFor("float32"), _peers.Search, default);
        Assert.Equal("1.2.0", peer.Version);
        for (int i = 0; i < 2; i++)
        {
            var result = await peer.RunAsync(default);
            Assert.Equal(" one two", result.Text);
            Assert.InRange(result.Seconds, 1e-9, 10);
        }
        var failure = await Assert.ThrowsAsync<PeerException>(() => PythonPeer.OpenAsync(python, TaskFor("int8"), _peers.Search, default));
        Assert.Equal(("it failed in Python", "ValueError"), (failure.Message, failure.Said));
    }

    [Theory]
    [InlineData("import nowhere", "a Python package that it needs is not installed")]
    [InlineData("import os; os._exit(5)", "it ended with exit code 5")]
    [InlineData("import os; os.write(10, b'') if False else None; raise SystemExit(7)", "it ended with exit code 7")]
    public async Task A_broken_package_is_a_failure_in_our_own_words(string package, string message)
    {
        _peers.AddPython("numpy");
        _peers.AddPackage("faster_whisper", package);
        var failure = await Assert.ThrowsAsync<PeerException>(
            () => PythonPeer.OpenAsync(PythonPeer.FindPython(_peers.Search)!, TaskFor("float32"), _peers.Search, default));
        Assert.Equal(message, failure.Message);
    }

    [Theory]
    [InlineData("read line; echo nonsense; read line", "its answer is not what was asked for")]
    [InlineData(
        "read line; echo '{\"version\":\"1\"}'; read line; echo '{\"seconds\":\"x\"}'; read line",
        "its answer is not what was asked for")]
    [InlineData("read line; echo '{\"version\":\"1\"}'; read line; echo '{\"seconds\":-1}'; read line", "it told no time")]
    [InlineData("read line; echo '{}'; read line", "it did not tell its version")]
    [InlineData("read line; echo '{\"version\":\"1\"}'; read line; sleep 1000", "it did not answer within 1 s")]
    [InlineData("read line; dd if=/dev/zero bs=1048576 count=3 2>/dev/null; read line", "it answered with an endless line")]
    [InlineData("exit 4", "it ended with exit code 4")]
    public async Task What_answers_in_place_of_python_is_checked(string script, string message)
    {
        var python = _peers.Program("python3", script);
        var search = _peers.Search with { Timeout = TimeSpan.FromSeconds(1) };
        var failure = await Assert.ThrowsAsync<PeerException>(async () =>
        {
            using var peer = await PythonPeer.OpenAsync(python, TaskFor("float32"), search, default);
            await peer.RunAsync(default);
        });
        Assert.Equal(message, failure.Message);
    }

    WhisperCpp Peer(PeerSearch search)
    {
        var (program, model, why) = WhisperCpp.Find(search);
        Assert.Null(why);
        return new WhisperCpp(program!, model!, search, _sound);
    }

    PythonTask TaskFor(string setting) => new()
    {
        Engine = PythonPeer.FasterWhisper,
        Model = _peers["converted"],
        Threads = 2,
        Setting = setting,
        Audio = _sound.WavFile,
        Language = "en",
    };
}
