using System.Diagnostics;
using Earshot.Transcription;

namespace Earshot.Cli.Transcripts;

/// <summary>Draws how far a transcription is: a bar, how many times faster than real time, and the time left.</summary>
internal sealed class TranscriptProgress : IProgress<TranscriptionProgress>, IDisposable
{
    const int BarWidth = 24;

    // A window may take long: what moves meanwhile shows that work goes on.
    const string Spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
    static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(200);

    readonly long _started = Stopwatch.GetTimestamp();
    readonly StatusLine _status;
    readonly string _label;
    readonly Timer _timer;
    readonly TimeSpan _before;
    TimeSpan? _total;
    int _turn;

    /// <param name="total">The recording's length, when it can tell.</param>
    /// <param name="before">What was done with before, by another run.</param>
    public TranscriptProgress(StatusLine status, string label, TimeSpan? total, TimeSpan before = default)
    {
        _before = before;
        Processed = before;
        _status = status;
        _label = label;
        _total = total;
        _timer = new Timer(_ => Draw(), null, TimeSpan.Zero, s_interval);
    }

    /// <summary>What is known of the recording so far.</summary>
    public TranscriptionInfo Info { get; private set; } = new();

    /// <summary>Audio done with.</summary>
    public TimeSpan Processed { get; private set; }

    /// <summary>How many times faster than real time this run is.</summary>
    public double Speed => Processed > _before ? (Processed - _before) / Elapsed : 0;

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_started);

    public void Report(TranscriptionProgress value)
    {
        Info = value.Info;
        Processed = value.Processed;
        _total = value.Total ?? _total;
        Draw();
    }

    /// <summary>Stops drawing, and takes the line away.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        _status.Dispose();
    }

    void Draw() => _status.Show(width =>
    {
        _turn = (_turn + 1) % Spinner.Length;
        return $"{Spinner[_turn]} {Line(Processed, _total, Elapsed, _label, width - 2, _before)}";
    });

    /// <summary>The line for a state; the label gives way on narrow terminals.</summary>
    internal static string Line(TimeSpan processed, TimeSpan? total, TimeSpan elapsed, string label, int width, TimeSpan before = default)
    {
        double speed = elapsed > TimeSpan.Zero ? (processed - before) / elapsed : 0;
        var rate = speed > 0 ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"  {speed:0.0}× real time") : "";
        if (total is not { } length || length <= TimeSpan.Zero) return Fit(label, $"  {Units.Clock(processed)} done{rate}", width);
        double part = Math.Clamp(processed / length, 0, 1);
        int full = (int)Math.Round(part * BarWidth);
        var left = speed > 0 && part < 1 ? $"  {Units.Clock((length - processed) / speed)} left" : "";
        var bar = new string('━', full) + new string('─', BarWidth - full);
        var percent = ((int)(100 * part)).ToString(System.Globalization.CultureInfo.InvariantCulture);
        return Fit(label, $"  {bar} {percent,3} %  {Units.Clock(processed)} / {Units.Clock(length)}{rate}{left}", width);
    }

    static string Fit(string label, string rest, int width)
    {
        int room = width - rest.Length;
        if (room >= label.Length) return label + rest;
        return room >= 6 ? $"{label[..(room - 1)]}…{rest}" : rest.TrimStart();
    }
}
