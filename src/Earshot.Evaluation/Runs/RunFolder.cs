using System.Text;
using System.Text.Json;

namespace Earshot.Evaluation;

/// <summary>
/// A run's folder: <c>run.json</c> says what is evaluated, <c>results.jsonl</c> gets a line when a system is done with a clip.
/// One process writes at a time. A line that an interruption cut off is dropped when the run goes on.
/// </summary>
public sealed class RunFolder : IDisposable
{
    const string PlanFile = "run.json";
    const string ResultsFile = "results.jsonl";

    // A file of its own, as systems differ in what sharing a file for writing means, and results are read while they are written.
    const string LockFile = "run.lock";

    readonly FileStream _results;
    readonly FileStream? _lock;
    readonly Dictionary<(string System, string Clip), ClipResult> _done = [];

    RunFolder(string path, EvaluationPlan plan, FileStream results, FileStream? held)
    {
        _lock = held;
        FolderPath = path;
        Plan = plan;
        _results = results;
    }

    public string FolderPath { get; }

    public EvaluationPlan Plan { get; }

    /// <summary>Results that were there, or were added.</summary>
    public IReadOnlyCollection<ClipResult> Results => _done.Values;

    /// <summary>
    /// Opens a run's folder to go on with it, or begins one. Systems and clips may have been added since; a system of the same name
    /// must be set as it was.
    /// </summary>
    /// <exception cref="ManifestException">The folder holds another run, a damaged one, or another process writes to it.</exception>
    public static RunFolder Open(string path, EvaluationPlan plan)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(plan);
        Directory.CreateDirectory(path);
        var held = Hold(path);
        FileStream? results = null;
        try
        {
            results = new FileStream(Path.Combine(path, ResultsFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
            plan = File.Exists(Path.Combine(path, PlanFile)) ? Merge(ReadPlan(path), plan, path) : plan;
            var folder = new RunFolder(path, plan, results, held);
            long length = folder.Load();
            results.SetLength(length);
            results.Seek(0, SeekOrigin.End);
            FileReplacement.Write(
                Path.Combine(path, PlanFile), JsonSerializer.Serialize(plan, EvaluationJson.Readable.EvaluationPlan) + "\n");
            return folder;
        }
        catch
        {
            results?.Dispose();
            held.Dispose();
            throw;
        }
    }

    /// <summary>Reads a run without going on with it.</summary>
    /// <exception cref="ManifestException">It is not there, or damaged.</exception>
    public static EvaluationRun Read(string path)
    {
        var plan = ReadPlan(path);
        var file = Path.Combine(path, ResultsFile);
        if (!File.Exists(file)) return new EvaluationRun(plan, []);
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var folder = new RunFolder(path, plan, stream, null);
        folder.Load();
        return folder.ToRun();
    }

    /// <summary>The result of a system for a clip; null where it is to be made.</summary>
    public ClipResult? Find(string system, string clip) => _done.GetValueOrDefault((system, clip));

    /// <summary>Adds a result, on the disk before this returns. One for the same clip takes the place of the older.</summary>
    public void Add(ClipResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var line = JsonSerializer.SerializeToUtf8Bytes(result, EvaluationJson.OneLine.ClipResult);
        // One write a line: an interruption leaves at most its beginning.
        _results.Write([.. line, (byte)'\n']);
        _results.Flush(flushToDisk: true);
        _done[(result.System, result.Clip)] = result;
    }

    public EvaluationRun ToRun() => new(Plan, [.. _done.Values]);

    public void Dispose()
    {
        _results.Dispose();
        _lock?.Dispose();
    }

    static FileStream Hold(string path)
    {
        try
        {
            return new FileStream(Path.Combine(path, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e is not FileNotFoundException and not DirectoryNotFoundException)
        {
            throw new ManifestException(
                $"'{path}' cannot be written to: {e.Message} Does another evaluation run there? Choose another folder.", e);
        }
    }

    static EvaluationPlan ReadPlan(string path)
    {
        var file = Path.Combine(path, PlanFile);
        if (!File.Exists(file)) throw new ManifestException($"'{path}' is no run: it lacks {PlanFile}.");
        try
        {
            using var stream = File.OpenRead(file);
            var plan = JsonSerializer.Deserialize(stream, EvaluationJson.Readable.EvaluationPlan) ?? throw new JsonException("it is null.");
            return plan.Version == 1
                ? plan
                : throw new ManifestException($"'{file}' has version {plan.Version}; this program reads version 1.");
        }
        catch (JsonException e)
        {
            throw new ManifestException(file, (e.LineNumber ?? 0) + 1, $"the run is damaged ({e.Message.Split(" Path:")[0]}).");
        }
    }

    /// <summary>Goes on with a run: its start stays, systems and clips are joined.</summary>
    static EvaluationPlan Merge(EvaluationPlan before, EvaluationPlan now, string path)
    {
        if (before.Name != now.Name)
        {
            throw new ManifestException(
                $"'{path}' holds a run over '{before.Name}', this one is over '{now.Name}'; choose another folder.");
        }
        foreach (var system in now.Systems)
        {
            if (before.Systems.FirstOrDefault(known => known.Name == system.Name) is { } known && known.Settings != system.Settings)
                throw new ManifestException(
                    $"'{path}' has results of '{system.Name}' set as '{known.Settings}', now it is '{system.Settings}'; " +
                    "give it another name, or choose another folder.");
        }
        if (before.Scoring != now.Scoring)
        {
            throw new ManifestException(
                $"'{path}' was scored with other rules ({before.Scoring.Normalizer}, " +
                $"{now.Scoring.Normalizer} now); choose another folder.");
        }
        return now with
        {
            Started = before.Started,
            Systems = [.. before.Systems.Where(system => now.Systems.All(added => added.Name != system.Name)), .. now.Systems],
        };
    }

    /// <summary>Reads the results, and returns where the last whole line ends.</summary>
    long Load()
    {
        _results.Position = 0;
        var bytes = new byte[_results.Length];
        _results.ReadExactly(bytes);
        int at = 0;
        for (long number = 1; at < bytes.Length; number++)
        {
            int length = bytes.AsSpan(at).IndexOf((byte)'\n');
            if (length < 0) break;
            if (length > 0) Keep(bytes.AsSpan(at, length), number);
            at += length + 1;
        }
        return at;
    }

    void Keep(ReadOnlySpan<byte> line, long number)
    {
        try
        {
            var result = JsonSerializer.Deserialize(line, EvaluationJson.OneLine.ClipResult) ?? throw new JsonException("it is null.");
            _done[(result.System, result.Clip)] = result;
        }
        catch (JsonException e)
        {
            throw new ManifestException(
                Path.Combine(FolderPath, ResultsFile), number,
                $"the result is damaged ({e.Message.Split(" Path:")[0]}); remove the line to have the clip done again.");
        }
    }
}

/// <summary>Files that appear whole or not at all.</summary>
internal static class FileReplacement
{
    /// <summary>Writes beside the file, then takes its place.</summary>
    public static void Write(string path, string content)
    {
        var beside = $"{path}.{Path.GetRandomFileName()}";
        try
        {
            File.WriteAllText(beside, content, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            File.Move(beside, path, overwrite: true);
        }
        finally
        {
            File.Delete(beside);
        }
    }
}
