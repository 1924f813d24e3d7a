using System.Globalization;

namespace Earshot.Evaluation;

/// <summary>
/// The memory of this process. On Linux the peak can be set back, so that each clip has its own; elsewhere it is looked at before and
/// after.
/// </summary>
public static class ProcessMemory
{
    const string Status = "/proc/self/status";

    /// <summary>Memory of this process that is in RAM now.</summary>
    public static long ResidentBytes => Line("VmRSS:") ?? Environment.WorkingSet;

    /// <summary>What no other process shares of it: neither mapped files nor code; null where the system does not tell.</summary>
    public static long? PrivateBytes => Line("RssAnon:");

    /// <summary>The most memory in RAM since <see cref="ResetPeak"/>.</summary>
    public static long PeakBytes => Line("VmHWM:") ?? Environment.WorkingSet;

    /// <summary>Lets the peak begin anew; without effect where the system cannot.</summary>
    public static void ResetPeak()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A container may forbid it; the peak is then that of the whole run.
        }
    }

    static long? Line(string name)
    {
        if (!OperatingSystem.IsLinux()) return null;
        foreach (var line in File.ReadLines(Status))
        {
            if (!line.StartsWith(name, StringComparison.Ordinal)) continue;
            var number = line.AsSpan(name.Length).Trim().TrimEnd("kB").Trim();
            return long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long kilobytes) ? kilobytes * 1024 : null;
        }
        return null;
    }
}
