
namespace Earshot.Evaluation.Tests;

/// <summary>Runs made up for tests: results without a model.</summary>
internal static class Runs
{
    public static EvaluationClip Clip(string id, string? reference, double seconds = 2) =>
        new()
        {
            Id = id,
            Audio = Path.GetFullPath($"{id}.wav"),
            Reference = reference,
            Language = "en",
            Duration = TimeSpan.FromSeconds(seconds),
        };

    public static EvaluationManifest Manifest(params EvaluationClip[] clips) => new("made up", Path.GetFullPath("made-up.jsonl"), clips);

    public static EvaluationPlan Plan(EvaluationManifest manifest, params SystemDescription[] systems) => new()
    {
        Name = manifest.Name,
        Manifest = "made-up.jsonl",
        Started = new DateTimeOffset(2026, 3, 4, 5, 6, 7, TimeSpan.Zero),
        Machine = new EvaluationMachine { Processor = "a processor", Cores = 2, System = "a system", Runtime = "a runtime" },
        Systems = systems,
        Scoring = new ScoringOptions(),
        Clips = [.. manifest.Clips.Select(clip => clip.Id)],
    };

    /// <summary>A system that writes what a function says, and takes no time.</summary>
    public static SystemUnderTest System(string name, Func<EvaluationClip, string> write) => new()
    {
        Description = new SystemDescription { Name = name },
        TranscribeAsync = (clip, _) => Task.FromResult(new SystemOutput { Text = write(clip), Duration = clip.Duration }),
    };

    /// <summary>A scored result; seconds of computing, with clips of two seconds.</summary>
    public static ClipResult Result(
        string system, string clip, string? reference, string text, double seconds = 0.5, string? language = "en") =>
        new ClipScorer().Score(new ClipResult
        {
            System = system,
            Clip = clip,
            Audio = $"{clip}.wav",
            Reference = reference,
            Language = language,
            Text = text,
            Duration = TimeSpan.FromSeconds(2),
            Times = [TimeSpan.FromSeconds(seconds)],
        });

    /// <summary>A run of one system over clips a, b, c… with the same reference.</summary>
    public static EvaluationRun Run(string system, string reference, params string[] texts)
    {
        var clips = texts.Select((_, i) => Clip($"{(char)('a' + i)}", reference)).ToArray();
        return new EvaluationRun(
            Plan(Manifest(clips), new SystemDescription { Name = system }),
            [.. texts.Select((text, i) => Result(system, clips[i].Id, reference, text))]);
    }
}

/// <summary>A clock that stands still unless it is moved.</summary>
internal sealed class ManualTime : TimeProvider
{
    long _ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _ticks;

    public void Pass(double seconds) => _ticks += (long)(seconds * TimeSpan.TicksPerSecond);
}

/// <summary>A folder that is deleted with its content when the test ends.</summary>
internal sealed class ScratchFolder : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("earshot-evaluation-");

    public string Path => _folder.FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public string Write(string name, string content)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this[name])!);
        File.WriteAllText(this[name], content);
        return this[name];
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
