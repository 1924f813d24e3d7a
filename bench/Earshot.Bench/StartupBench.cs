using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Earshot.Bench;

/// <summary>
/// Whole commands from process start to exit, interleaved: programs of ours, given by path (a .dll runs by dotnet), and whisper.cpp's where
/// EARSHOT_WHISPER_CPP names its program and EARSHOT_WHISPER_CPP_MODEL a model. Ours say with --verbose how long encoder and decoder took;
/// the rest is what starting costs.
/// </summary>
static partial class StartupBench
{
    const int Threads = 2;

    public static void Run(string recording, int rounds, IReadOnlyList<string> programs)
    {
        var rows = programs.Select(path => new Row(path, Ours(path, recording), IsOurs: true)).ToList();
        if (Peer(recording) is { } peer) rows.Add(new Row(peer.FileName, peer, IsOurs: false));
        else Console.WriteLine("whisper.cpp: not here (EARSHOT_WHISPER_CPP and EARSHOT_WHISPER_CPP_MODEL name its program and a model).");
        foreach (var row in rows) row.Measure(); // warm files
        foreach (var row in rows) row.Clear();
        for (int round = 0; round < rounds; round++)
        {
            foreach (var row in rows) row.Measure();
        }
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{"program",-50} {"whole, s",9} {"model, s",9} {"rest, s",9} {"load, ms",9} {"peak, MB",9}"));
        foreach (var row in rows) Console.WriteLine(row.Line());
        var last = rows[^1];
        if (last.IsOurs) return;
        foreach (var row in rows.Where(row => row.IsOurs))
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{row.Name}: {row.RatioTo(last):0.00} × {last.Name}'s time (median of the rounds' ratios)"));
        }
    }

    static ProcessStartInfo Ours(string path, string recording)
    {
        bool byDotnet = path.EndsWith(".dll", StringComparison.OrdinalIgnoreCase);
        var start = new ProcessStartInfo(byDotnet ? "dotnet" : path);
        if (byDotnet) start.ArgumentList.Add(path);
        foreach (var argument in (string[])[
            "transcribe", recording, "--verbose", "--threads", Threads.ToString(CultureInfo.InvariantCulture),
        ])
        {
            start.ArgumentList.Add(argument);
        }
        return start;
    }

    static ProcessStartInfo? Peer(string recording)
    {
        if (Environment.GetEnvironmentVariable("EARSHOT_WHISPER_CPP") is not { Length: > 0 } program
            || Environment.GetEnvironmentVariable("EARSHOT_WHISPER_CPP_MODEL") is not { Length: > 0 } model)
        {
            return null;
        }
        return new ProcessStartInfo(
            program, ["-m", model, "-f", recording, "-t", Threads.ToString(CultureInfo.InvariantCulture), "-l", "auto", "-nt"]);
    }

    sealed record Row(string Path, ProcessStartInfo Start, bool IsOurs)
    {
        readonly List<(double Whole, double Model, double Load, double Peak)> _runs = [];

        public string Name => System.IO.Path.GetFileName(Path);

        public void Clear() => _runs.Clear();

        public void Measure()
        {
            Start.RedirectStandardError = Start.RedirectStandardOutput = true;
            long started = Stopwatch.GetTimestamp();
            using var process = Process.Start(Start)!;
            var talk = process.StandardError.ReadToEndAsync();
            var text = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            double whole = Stopwatch.GetElapsedTime(started).TotalSeconds;
            if (process.ExitCode != 0 || text.Length == 0)
                throw new InvalidOperationException($"{Path} ended with {process.ExitCode}: {talk.Result}");
            var times = ModelTimes().Match(talk.Result);
            var load = LoadTime().Match(talk.Result);
            _runs.Add((whole, times.Success ? Number(times, 1) + Number(times, 2) : double.NaN, load.Success
                ? Number(load, 1)
                : double.NaN, ChildPeak(talk.Result)));
        }

        public string Line() => string.Create(CultureInfo.InvariantCulture,
            $"{Path,-50} {Median(run => run.Whole),9:0.000} {Median(run => run.Model),9:0.000} " +
            $"{Median(run => run.Whole - run.Model),9:0.000} {Median(run => run.Load),9:0} {Median(run => run.Peak),9:0}");

        public double RatioTo(Row other) => Middle([.. _runs.Zip(other._runs, (ours, theirs) => ours.Whole / theirs.Whole)]);

        double Median(Func<(double Whole, double Model, double Load, double Peak), double> value) => Middle([.. _runs.Select(value)]);

        static double Middle(double[] values)
        {
            Array.Sort(values);
            return values[values.Length / 2];
        }

        static double Number(Match match, int group) => double.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

        static double ChildPeak(string talk) => PeakMemory().Match(talk) is { Success: true } match ? Number(match, 1) : double.NaN;
    }

    [GeneratedRegex(@"Encoder ([0-9.]+) s .*decoder ([0-9.]+) s")]
    private static partial Regex ModelTimes();

    [GeneratedRegex(@"Loaded .* in ([0-9]+) ms")]
    private static partial Regex LoadTime();

    [GeneratedRegex(@"private memory ([0-9.]+) MB")]
    private static partial Regex PeakMemory();
}
