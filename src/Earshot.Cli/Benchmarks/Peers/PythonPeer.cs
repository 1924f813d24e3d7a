using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Earshot.Cli.Benchmarks.Peers;

/// <summary>
/// An engine that is a Python package, in a process of its own that loads its model once and answers line by line. The script is ours;
/// nothing is downloaded.
/// </summary>
internal sealed class PythonPeer : IDisposable
{
    public const string FasterWhisper = "faster-whisper", OpenVino = "OpenVINO";
    public const string PythonVariable = "EARSHOT_PYTHON", FasterWhisperModel = "EARSHOT_FASTER_WHISPER_MODEL";
    const int MostVersion = 40;

    readonly PeerProcess _process;

    PythonPeer(PeerProcess process) => _process = process;

    /// <summary>The package's version.</summary>
    public string Version { get; private set; } = "";

    /// <summary>Python's program; null where there is none.</summary>
    public static string? FindPython(PeerSearch search) => search.Program(PythonVariable, "python3", "python");

    /// <summary>Whether Python finds a package; it is imported, since one that is damaged is not here either.</summary>
    public static async Task<bool> HasAsync(string python, string package, PeerSearch search, CancellationToken cancellationToken)
    {
        try
        {
            using var process = PeerProcess.Start(python, ["-c", $"import {package}"], search.Timeout);
            await process.FinishAsync(cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (PeerException)
        {
            return false;
        }
    }

    /// <summary>Starts an engine, which loads its model.</summary>
    /// <exception cref="PeerException">It went wrong.</exception>
    public static async Task<PythonPeer> OpenAsync(string python, PythonTask task, PeerSearch search, CancellationToken cancellationToken)
    {
        var peer = new PythonPeer(PeerProcess.Start(python, ["-c", Script()], search.Timeout));
        try
        {
            await peer._process.WriteLineAsync(JsonSerializer.Serialize(task, PeerJson.Lines.PythonTask), cancellationToken)
                .ConfigureAwait(false);
            var answer = await peer.AnswerAsync(cancellationToken).ConfigureAwait(false);
            var letters = (answer.Version ?? throw new PeerException("it did not tell its version")).Where(
                letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '+' or '_').Take(MostVersion);
            peer.Version = string.Concat(letters);
            return peer;
        }
        catch
        {
            peer.Dispose();
            throw;
        }
    }

    /// <exception cref="PeerException">It went wrong.</exception>
    public async Task<PeerResult> RunAsync(CancellationToken cancellationToken)
    {
        await _process.WriteLineAsync("run", cancellationToken).ConfigureAwait(false);
        var answer = await AnswerAsync(cancellationToken).ConfigureAwait(false);
        return answer.Seconds is > 0 and < 1e7 and var seconds
            ? new PeerResult(seconds, answer.Text ?? "")
            : throw new PeerException("it told no time");
    }

    public void Dispose() => _process.Dispose();

    async Task<PythonAnswer> AnswerAsync(CancellationToken cancellationToken)
    {
        var line = await _process.ReadLineAsync(cancellationToken).ConfigureAwait(false);
        PythonAnswer? answer;
        try
        {
            answer = JsonSerializer.Deserialize(line, PeerJson.Lines.PythonAnswer);
        }
        catch (JsonException)
        {
            answer = null;
        }
        if (answer is null) throw new PeerException("its answer is not what was asked for");
        if (answer.Missing is { } missing) throw new PeerException("a Python package that it needs is not installed", missing);
        return answer.Error is { } error ? throw new PeerException("it failed in Python", error) : answer;
    }

    static string Script()
    {
        using var stream = typeof(PythonPeer).Assembly.GetManifestResourceStream("Earshot.Cli.peers.py")
            ?? throw new InvalidOperationException("The program lacks its file 'peers.py'.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}

/// <summary>What the script is to do.</summary>
internal sealed record PythonTask
{
    public required string Engine { get; init; }

    /// <summary>The model's folder or file.</summary>
    public required string Model { get; init; }

    public required int Threads { get; init; }

    /// <summary>The precision, by the engine's own name.</summary>
    public required string Setting { get; init; }

    public string? Audio { get; init; }

    public string? Language { get; init; }

    /// <summary>The input's shape, where the model is a graph.</summary>
    public IReadOnlyList<int>? Shape { get; init; }
}

/// <summary>A line of the script's.</summary>
internal sealed record PythonAnswer
{
    public string? Version { get; init; }

    public double? Seconds { get; init; }

    public string? Text { get; init; }

    public string? Missing { get; init; }

    public string? Error { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PythonTask))]
[JsonSerializable(typeof(PythonAnswer))]
internal sealed partial class PeerJson : JsonSerializerContext
{
    public static PeerJson Lines => Default;
}
