using System.Diagnostics.Metrics;

namespace Earshot.Live;

/// <summary>What <c>dotnet-counters</c> and collectors see of all streams of the process, under <c>Earshot.Live</c>.</summary>
static class LiveMetrics
{
    static readonly Meter s_meter = new("Earshot.Live");

    static readonly UpDownCounter<int> s_streams = s_meter.CreateUpDownCounter<int>("earshot.live.streams", description: "Open streams.");

    static readonly Histogram<double> s_hearings =
        s_meter.CreateHistogram<double>("earshot.live.hearing.duration", "s", "What hearing a stretch of sound takes, waiting included.");

    static readonly Counter<int> s_paces =
        s_meter.CreateCounter<int>("earshot.live.pace.changes", description: "Streams that are heard less or more often from then on.");

    public static void Opened() => s_streams.Add(1);

    public static void Closed() => s_streams.Add(-1);

    public static void Heard(TimeSpan took) => s_hearings.Record(took.TotalSeconds);

    public static void PaceChanged(LivePace pace) => s_paces.Add(1, new KeyValuePair<string, object?>("pace", pace.ToString()));
}
