using System.Buffers.Binary;
using System.Globalization;
using Earshot.Compute.Cpu;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>What systems say of their processors, as recorded, and the cores that are counted from it.</summary>
public sealed class ProcessorCoresTests
{
    const string Second = "0::/", SecondMount = "35 26 0:30 / /sys/fs/cgroup ro,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    const string FirstMounts = "31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        + "33 30 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

    // A 12th-generation laptop: four fast cores of two threads, eight slow ones of one.
    const string Laptop = "0-1 0-1 2-3 2-3 4-5 4-5 6-7 6-7 8 9 10 11 12 13 14 15";

    [Theory]
    // Four cores of two threads each, numbered side by side, or apart.
    [InlineData("0-7", "0-1 0-1 2-3 2-3 4-5 4-5 6-7 6-7", 4)]
    [InlineData("0-7", "0,4 1,5 2,6 3,7 0,4 1,5 2,6 3,7", 4)]
    // The second threads switched off: the others are alone on their cores.
    [InlineData("0-3", "0 1 2 3", 4)]
    // Some of them, as a container may be given: both threads of one core, and of three threads two on one.
    [InlineData("0,4", "0,4 1,5 2,6 3,7 0,4 1,5 2,6 3,7", 1)]
    [InlineData("2-3,6", "0,4 1,5 2,6 3,7 0,4 1,5 2,6 3,7", 2)]
    [InlineData("0-15", Laptop, 12)]
    [InlineData("0-7", Laptop, 4)]
    [InlineData("6-9", Laptop, 3)]
    // Not said.
    [InlineData("0-2", "- - -", 3)]
    public void Threads_of_a_core_count_once(string allowed, string siblings, int cores) =>
        Assert.Equal(cores, Machine(allowed, siblings).Cores());

    // Two sockets of 32 cores of two threads: the second threads come after all first ones.
    [Fact]
    public void A_server_of_two_sockets_has_the_cores_of_both_and_a_mask_of_one_node_the_half()
    {
        var siblings = string.Join(' ', Enumerable.Range(0, 128).Select(i => $"{i % 64},{i % 64 + 64}"));
        Assert.Equal(64, Machine("0-127", siblings).Cores());
        Assert.Equal(32, Machine("0-31,64-95", siblings).Cores());
        Assert.Equal(12, Machine("0-127", siblings, Second, SecondMount, ("/sys/fs/cgroup/cpu.max", "1150000 100000\n")).Cores());
    }

    [Theory]
    [InlineData("", "0")]
    [InlineData("x", "0")]
    [InlineData("3-1", "0")]
    [InlineData("0-99999999", "0")]
    [InlineData("0-1-2", "0")]
    [InlineData("-1", "0")]
    [InlineData("0", "?")]
    public void What_is_not_understood_counts_nothing(string allowed, string siblings) =>
        Assert.Null(Machine(allowed, siblings).Cores());

    [Theory]
    // A container with a group of its own at the root.
    [InlineData("0::/", "/sys/fs/cgroup/cpu.max=150000 100000", 1.5)]
    [InlineData("0::/", "/sys/fs/cgroup/cpu.max=max 100000", null)]
    // The least of all groups above.
    [InlineData(
        "0::/a/b", "/sys/fs/cgroup/a/b/cpu.max=max 100000;/sys/fs/cgroup/a/cpu.max=300000 100000;/sys/fs/cgroup/cpu.max=max 1", 3.0)]
    [InlineData("0::/a/b", "/sys/fs/cgroup/a/b/cpu.max=50000 100000;/sys/fs/cgroup/a/cpu.max=300000 100000", 0.5)]
    [InlineData("0::/a", "/sys/fs/cgroup/a/cpu.max=12345678901234567890 100000", null)]
    [InlineData("0::/a", "/sys/fs/cgroup/a/cpu.max=5 0", null)]
    [InlineData("0::/a", "/sys/fs/cgroup/a/cpu.max=", null)]
    [InlineData("nonsense", "/sys/fs/cgroup/cpu.max=150000 100000", null)]
    [InlineData("0::relative", "/sys/fs/cgroup/cpu.max=150000 100000", null)]
    public void Shares_of_the_second_version_are_read(string group, string files, double? share) =>
        Assert.Equal(share, Machine("0-3", "0 1 2 3", group, SecondMount, Files(files)).Quota());

    [Theory]
    [InlineData("4:cpu,cpuacct:/d/1", "/d/1/cpu.cfs_quota_us=250000;/d/1/cpu.cfs_period_us=100000", "/", 2.5)]
    [InlineData("4:cpu,cpuacct:/d/1", "/d/1/cpu.cfs_quota_us=-1;/d/1/cpu.cfs_period_us=100000", "/", null)]
    // Seen from a container, whose mount begins at its own group, or at one that has nothing to do with the path.
    [InlineData("4:cpu,cpuacct:/d/1", "/cpu.cfs_quota_us=250000;/cpu.cfs_period_us=100000", "/d/1", 2.5)]
    [InlineData("4:cpu,cpuacct:/d/1/x", "/x/cpu.cfs_quota_us=100000;/x/cpu.cfs_period_us=100000", "/d/1", 1.0)]
    [InlineData("4:cpu,cpuacct:/d/1", "/cpu.cfs_quota_us=250000;/cpu.cfs_period_us=100000", "/d/12", 2.5)]
    [InlineData("4:memory:/d/1", "/d/1/cpu.cfs_quota_us=250000;/d/1/cpu.cfs_period_us=100000", "/", null)]
    public void Shares_of_the_first_version_are_read(string group, string files, string root, double? share)
    {
        var mounts = FirstMounts.Replace("0:28 / ", $"0:28 {root} ", StringComparison.Ordinal);
        var within = Files(files).Select(file => ("/sys/fs/cgroup/cpu,cpuacct" + file.Path, file.Text)).ToArray();
        Assert.Equal(share, Machine("0-3", "0 1 2 3", group, mounts, within).Quota());
    }

    [Theory]
    [InlineData("150000 100000", 2)]
    [InlineData("100000 100000", 1)]
    [InlineData("20000 100000", 1)]
    [InlineData("900000 100000", 4)]
    public void A_share_of_time_is_filled_and_cores_are_not_exceeded(string share, int cores) =>
        Assert.Equal(
            cores, Machine("0-7", "0,4 1,5 2,6 3,7 0,4 1,5 2,6 3,7", Second, SecondMount, ("/sys/fs/cgroup/cpu.max", share)).Cores());

    [Fact]
    public void Without_the_files_nothing_is_counted()
    {
        Assert.Null(new LinuxProcessors(_ => null).Cores());
        Assert.Null(new LinuxProcessors(path => path == "/proc/self/status" ? "Name:\tearshot\n" : null).Cores());
        Assert.Null(LinuxProcessors.ReadFile(Path.Combine(Path.GetTempPath(), "earshot-absent", "status")));
    }

    [Fact]
    public void Windows_cores_are_counted_by_group_and_mask()
    {
        // Two groups of 64: cores of two threads; the last core is one thread alone.
        var cores = Enumerable.Range(0, 32).Select(i => ((ushort)0, 3UL << (2 * i)))
            .Concat(Enumerable.Range(0, 31).Select(i => ((ushort)1, 3UL << (2 * i)))).Append(((ushort)1, 1UL << 62)).ToArray();
        var table = WindowsTable(cores);
        Assert.Equal(64, WindowsProcessors.Cores(table, null));
        Assert.Equal(32, WindowsProcessors.Cores(table, new Dictionary<ushort, ulong> { [0] = ulong.MaxValue }));
        Assert.Equal(2, WindowsProcessors.Cores(table, new Dictionary<ushort, ulong> { [0] = 0b0111 }));
        Assert.Equal(33, WindowsProcessors.Cores(table, new Dictionary<ushort, ulong> { [0] = ulong.MaxValue, [1] = 1UL << 62 }));
        Assert.Null(WindowsProcessors.Cores(table, new Dictionary<ushort, ulong> { [5] = 1 }));
    }

    [Fact]
    public void A_damaged_table_of_windows_counts_nothing()
    {
        var table = WindowsTable([(0, 1), (0, 2)]);
        Assert.Equal(2, WindowsProcessors.Cores(table, null));
        for (int length = 0; length < table.Length; length++)
        {
            if (length != table.Length / 2) Assert.Null(WindowsProcessors.Cores(table.AsSpan(0, length), null));
        }
        foreach (uint size in (uint[])[0, 31, 47, uint.MaxValue])
        {
            var damaged = table.ToArray();
            BinaryPrimitives.WriteUInt32LittleEndian(damaged.AsSpan(4), size);
            Assert.Null(WindowsProcessors.Cores(damaged, null));
        }
        BinaryPrimitives.WriteUInt16LittleEndian(table.AsSpan(30), ushort.MaxValue);
        Assert.Null(WindowsProcessors.Cores(table, null));
    }

    [Fact]
    public void This_machine_has_some_and_devices_take_as_many()
    {
        Assert.InRange(ProcessorCores.Count, 1, Environment.ProcessorCount);
        using var device = new CpuDevice();
        Assert.Equal(ProcessorCores.Count, device.Threads);
        if (OperatingSystem.IsLinux()) Assert.NotNull(new LinuxProcessors(LinuxProcessors.ReadFile).Cores());
        if (OperatingSystem.IsWindows()) Assert.NotNull(WindowsProcessors.Cores());
    }

    static LinuxProcessors Machine(
        string allowed, string siblings, string group = "", string mounts = "", params (string Path, string Text)[] more)
    {
        var files = more.ToDictionary(file => file.Path, file => file.Text);
        files["/proc/self/status"] = $"Name:\tearshot\nCpus_allowed:\tff\nCpus_allowed_list:\t{allowed}\nMems_allowed:\t1\n";
        files["/proc/self/cgroup"] = group + "\n";
        files["/proc/self/mountinfo"] = $"26 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n{mounts}";
        var lists = siblings.Split(' ');
        for (int i = 0; i < lists.Length; i++)
        {
            var path = string.Create(CultureInfo.InvariantCulture, $"/sys/devices/system/cpu/cpu{i}/topology/thread_siblings_list");
            if (lists[i] != "-") files[path] = lists[i] + "\n";
        }
        return new LinuxProcessors(files.GetValueOrDefault);
    }

    static (string Path, string Text)[] Files(string text) =>
        [.. text.Split(';').Select(file => file.Split('=', 2)).Select(file => (file[0], file[1] + "\n"))];

    static byte[] WindowsTable((ushort Group, ulong Mask)[] cores)
    {
        const int size = 48;
        var table = new byte[cores.Length * size];
        for (int i = 0; i < cores.Length; i++)
        {
            var entry = table.AsSpan(i * size, size);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], size);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[30..], 1);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[32..], cores[i].Mask);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[40..], cores[i].Group);
        }
        return table;
    }
}
