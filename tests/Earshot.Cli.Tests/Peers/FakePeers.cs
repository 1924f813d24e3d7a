using System.Diagnostics;
using Earshot.Cli.Benchmarks.Peers;

namespace Earshot.Cli.Tests.Peers;

/// <summary>Programs and Python packages that behave as other engines do, or do not; made on the spot.</summary>
internal sealed class FakePeers : IDisposable
{
    // As whisper-cli prints it; the first two lines go to standard output.
    public const string WhisperCli = """
        echo
        echo '[00:00:00.000 --> 00:00:05.500]   And so my fellow Americans,'
        echo '[00:00:05.500 --> 00:00:11.000]   ask not what your country can do for you.'
        echo 'whisper_model_load: ftype         = 1' >&2
        echo 'whisper_print_timings:     load time =    89.95 ms' >&2
        echo 'whisper_print_timings:     fallbacks =   0 p /   0 h' >&2
        echo 'whisper_print_timings:   encode time =  1343.19 ms /     1 runs ( 1343.19 ms per run)' >&2
        echo 'whisper_print_timings:    total time =  2089.95 ms' >&2
        """;

    const string FasterWhisper = """
        import collections
        __version__ = "1.2.0"
        Segment = collections.namedtuple("Segment", "text")
        class WhisperModel:
            def __init__(self, model, device, cpu_threads, compute_type, local_files_only):
                assert local_files_only and device == "cpu" and cpu_threads > 0, "wrong settings"
                if compute_type == "int8": raise ValueError("this processor has no int8")
                print("a library's own words")
            def transcribe(self, sound, language, beam_size, best_of, temperature, condition_on_previous_text, vad_filter):
                assert len(sound) > 16000 and beam_size == 1 and language == "en", "wrong input"
                return (Segment(text) for text in [" one", " two"]), None
        """;

    const string OpenVino = """
        __version__ = "2026.4.0-1/odd name"
        class Request:
            def infer(self, values, share_inputs, share_outputs): assert list(values[0].shape) == SHAPE
        class Compiled:
            def create_infer_request(self): return Request()
        SHAPE = None
        class Core:
            def read_model(self, path):
                import os
                assert os.path.getsize(path) > 1000
                return path
            def compile_model(self, model, device, settings):
                global SHAPE
                assert device == "CPU" and settings["INFERENCE_NUM_THREADS"] > 0
                SHAPE = [1, 80, 3000]
                return Compiled()
        """;

    // As much of NumPy as the script asks for, so that no test needs it.
    const string Numpy = """
        import array
        float32 = "f"
        class Values(list):
            shape = ()
            def astype(self, kind): return self
            def __truediv__(self, by): return self
            def __mul__(self, by): return self
            def __sub__(self, by): return self
        def frombuffer(data, dtype): return Values(array.array("h", data))
        class random:
            @staticmethod
            def default_rng(seed): return random
            @staticmethod
            def random(shape, dtype):
                values = Values(); values.shape = tuple(shape); return values
        """;

    readonly TemporaryFolder _folder = new();
    readonly Dictionary<string, string> _variables = [];

    public FakePeers()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The made programs are shell scripts.");
        _variables[WhisperCpp.ModelVariable] = _folder.Write("ggml.bin", "model"u8);
    }

    public PeerSearch Search => new(_variables.GetValueOrDefault) { Timeout = TimeSpan.FromSeconds(20) };

    public string this[string name] => _folder[name];

    public void Set(string variable, string value) => _variables[variable] = value;

    /// <summary>A program that is a shell script.</summary>
    public string Program(string name, string script)
    {
        var path = _folder.Write(name, System.Text.Encoding.UTF8.GetBytes($"#!/bin/sh\n{script}\n"));
        const UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, mode);
        return path;
    }

    public void AddWhisperCli(string script) => Set(WhisperCpp.ProgramVariable, Program("whisper-cli", script));

    /// <summary>Python with the made packages; skips where there is no Python.</summary>
    public void AddPython(params ReadOnlySpan<string> packages)
    {
        foreach (var package in packages) AddPackage(package, package switch
        {
            "faster_whisper" => FasterWhisper,
            "openvino" => OpenVino,
            _ => Numpy,
        });
        // The system's own starts sooner than what versions are switched with.
        const string own = "/usr/bin/python3";
        var python = File.Exists(own) ? own : PythonPeer.FindPython(PeerSearch.OfProcess);
        Assert.SkipWhen(python is null, "There is no Python.");
        // Packages of the machine's own stay out.
        Set(PythonPeer.PythonVariable, Program("python3", $"PYTHONPATH='{_folder["packages"]}' exec '{python}' -S \"$@\""));
        Directory.CreateDirectory(_folder["converted"]);
        Set(PythonPeer.FasterWhisperModel, _folder["converted"]);
    }

    public void AddPackage(string name, string text) =>
        _folder.Write($"packages/{name}.py", System.Text.Encoding.UTF8.GetBytes(text.Replace("\r\n", "\n", StringComparison.Ordinal)));

    /// <summary>
    /// Checks that a process which wrote its number down ends soon, or has; one that nobody has buried yet counts as ended.
    /// </summary>
    public void AssertEnds(string file)
    {
        int id = int.Parse(File.ReadAllText(this[file]), System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(SpinWait.SpinUntil(() => !Runs(id), TimeSpan.FromSeconds(10)), $"Process {id} still runs.");
    }

    static bool Runs(int id)
    {
        if (OperatingSystem.IsLinux())
        {
            var status = $"/proc/{id}/status";
            return File.Exists(status) && !File.ReadAllText(status).Contains("State:\tZ", StringComparison.Ordinal);
        }
        try
        {
            using var process = Process.GetProcessById(id);
            return !process.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    public void Dispose() => _folder.Dispose();
}
