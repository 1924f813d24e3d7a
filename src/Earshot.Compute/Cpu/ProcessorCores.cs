using System.Globalization;

namespace Earshot.Compute.Cpu;

/// <summary>
/// The cores that this process may compute on. Two threads on one core share its arithmetic, so that products take no less time for them,
/// and wait for each other at every end.
/// </summary>
public static class ProcessorCores
{
    const string Processors = "/sys/devices/system/cpu", Status = "/proc/self/status";

    static readonly Lazy<int> s_count = new(() => Math.Clamp(
        (OperatingSystem.IsLinux() ? CountIn(Processors, Status) : OfMac()) ?? int.MaxValue, 1, Environment.ProcessorCount));

    /// <summary>
    /// Cores, not the threads that they run at once, among the processors that this process may use, and no more than its share of time
    /// allows. Where the system does not say which processors share a core (all but Linux), processors. Of a Mac's two kinds of core the
    /// fast ones: the others would be waited for at the end of every product.
    /// </summary>
    public static int Count => s_count.Value;

    static int? OfMac() => SystemControl.Read("hw.perflevel0.physicalcpu") is > 0 and <= int.MaxValue and var fast ? (int)fast : null;

    /// <summary>Cores among the processors that a process' status allows; null where the files do not say.</summary>
    internal static int? CountIn(string processors, string status)
    {
        const string allowed = "Cpus_allowed_list:";
        try
        {
            var line = File.ReadLines(status).FirstOrDefault(line => line.StartsWith(allowed, StringComparison.Ordinal));
            if (line is null) return null;
            var cores = new HashSet<int>();
            foreach (int processor in ParseList(line[allowed.Length..]))
            {
                var siblings = Path.Combine(processors, $"cpu{processor}", "topology", "thread_siblings_list");
                // A core goes by the first of its processors.
                cores.Add(File.Exists(siblings) ? ParseList(File.ReadAllText(siblings)).Min() : processor);
            }
            return cores.Count > 0 ? cores.Count : null;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or FormatException
            or OverflowException or InvalidOperationException)
        {
            return null;
        }
    }

    // Such as "0-3,8,10-11".
    static IEnumerable<int> ParseList(string list)
    {
        const int most = 1 << 16;
        foreach (var range in list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var ends = range.Split('-');
            int first = int.Parse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture);
            int last = int.Parse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture);
            if (ends.Length > 2 || last < first || last >= most) throw new FormatException($"'{range}' is no range of processors.");
            for (int processor = first; processor <= last; processor++) yield return processor;
        }
    }
}
