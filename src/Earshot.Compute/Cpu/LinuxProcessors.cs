using System.Globalization;

namespace Earshot.Compute.Cpu;

/// <summary>
/// What Linux says of the processors that a process may use: its mask, which of them share a core, and the share of time that its control
/// groups have. Files as in Linux' admin-guide: cputopology, cgroup-v1 and cgroup-v2; proc_pid_cgroup(5), proc_pid_mountinfo(5).
/// </summary>
/// <param name="read">The text of a file by its path; null where there is none that can be read.</param>
internal sealed class LinuxProcessors(Func<string, string?> read)
{
    const int MostProcessors = 1 << 16, MostGroups = 64;

    /// <summary>A file of this machine; null where it cannot be read.</summary>
    public static string? ReadFile(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path) : null;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>
    /// Cores among the allowed processors, and no more than the share of time fills, a part of one counted as one; null where the
    /// files say neither.
    /// </summary>
    public int? Cores()
    {
        var (cores, quota) = (AllowedCores(), Quota());
        int? filled = quota is { } share ? (int)Math.Clamp(Math.Ceiling(share - 1e-6), 1, MostProcessors) : null;
        return cores is { } some && filled is { } most ? Math.Min(some, most) : cores ?? filled;
    }

    /// <summary>Cores among the processors of the process' mask; null where that is not said or not understood.</summary>
    public int? AllowedCores()
    {
        const string allowed = "Cpus_allowed_list:";
        var line = Lines("/proc/self/status").FirstOrDefault(line => line.StartsWith(allowed, StringComparison.Ordinal));
        if (line is null || ParseList(line[allowed.Length..]) is not { Count: > 0 } processors) return null;
        var cores = new HashSet<int>();
        foreach (int processor in processors)
        {
            // A core goes by the first of its processors.
            if (read($"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list") is not { } siblings) cores.Add(processor);
            else if (ParseList(siblings) is { Count: > 0 } threads) cores.Add(threads.Min());
            else return null;
        }
        return cores.Count;
    }

    /// <summary>
    /// Processors' time a second that the process' control groups leave it, the least of all above it; null for no limit.
    /// </summary>
    public double? Quota()
    {
        double? least = null;
        var mounts = Mounts();
        foreach (var line in Lines("/proc/self/cgroup"))
        {
            // 0::/path of the second version, 4:cpu,cpuacct:/path of the first.
            var fields = line.Split(':', 3);
            if (fields.Length != 3) continue;
            bool second = fields[0] == "0" && fields[1].Length == 0;
            if (!second && !fields[1].Split(',').Contains("cpu")) continue;
            foreach (var mount in mounts.Where(mount => mount.IsSecond == second))
            {
                if (mount.FolderOf(fields[2]) is not { } folder) continue;
                double? quota = QuotaIn(folder, mount.Point, second);
                if (quota < (least ?? double.MaxValue)) least = quota;
            }
        }
        return least;
    }

    double? QuotaIn(string folder, string root, bool second)
    {
        double? least = null;
        for (int i = 0; i < MostGroups && folder.Length >= root.Length; i++)
        {
            double? quota = second
                ? Share((read($"{folder}/cpu.max") ?? "").Split(' ', StringSplitOptions.TrimEntries))
                : Share(read($"{folder}/cpu.cfs_quota_us")?.Trim(), read($"{folder}/cpu.cfs_period_us")?.Trim());
            if (quota < (least ?? double.MaxValue)) least = quota;
            if (folder.LastIndexOf('/') is not (> 0 and var end)) break;
            folder = folder[..end];
        }
        return least;
    }

    // "150000 100000", or "max 100000" and -1 for no limit.
    static double? Share(params ReadOnlySpan<string?> words) =>
        words.Length == 2 && long.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out long quota) && quota > 0
        && long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out long period) && period > 0
            ? (double)quota / period
            : null;

    List<Mount> Mounts()
    {
        var mounts = new List<Mount>();
        foreach (var line in Lines("/proc/self/mountinfo"))
        {
            // 31 30 0:28 ROOT POINT rw,relatime shared:1 - TYPE source rw,cpu
            var halves = line.Split(" - ", 2);
            if (halves.Length < 2) continue;
            string[] place = halves[0].Split(' '), kind = halves[1].Split(' ');
            if (place.Length < 5 || kind.Length < 3) continue;
            bool second = kind[0] == "cgroup2";
            if (second || (kind[0] == "cgroup" && kind[2].Split(',').Contains("cpu"))) mounts.Add(new Mount(place[3], place[4], second));
        }
        return mounts;
    }

    string[] Lines(string path) => (read(path) ?? "").Split('\n');

    /// <summary>Such as "0-3,8,10-11"; null where it is not understood.</summary>
    internal static IReadOnlyCollection<int>? ParseList(string list)
    {
        var numbers = new HashSet<int>();
        foreach (var range in list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var ends = range.Split('-');
            if (ends.Length > 2 || !int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first)
                || !int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int last)
                || last < first || last >= MostProcessors) return null;
            for (int number = first; number <= last; number++) numbers.Add(number);
        }
        return numbers;
    }

    /// <summary>Where a hierarchy of groups, from one of them on, is seen.</summary>
    readonly record struct Mount(string Root, string Point, bool IsSecond)
    {
        /// <summary>The folder of a group; that of the mount where the group's path is one outside of this container.</summary>
        public string? FolderOf(string group)
        {
            if (!group.StartsWith('/')) return null;
            if (Root == "/") return Point + group.TrimEnd('/');
            bool within = group.StartsWith(Root, StringComparison.Ordinal) && (group.Length == Root.Length || group[Root.Length] == '/');
            return within ? Point + group[Root.Length..] : Point;
        }
    }
}
