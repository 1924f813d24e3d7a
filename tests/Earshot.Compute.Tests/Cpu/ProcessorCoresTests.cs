using Earshot.Compute.Cpu;

namespace Earshot.Compute.Tests.Cpu;

public sealed class ProcessorCoresTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("earshot-cores-");

    [Theory]
    // Four cores of two threads each, numbered side by side, or apart.
    [InlineData("0-7", "0-1 0-1 2-3 2-3 4-5 4-5 6-7 6-7", 4)]
    [InlineData("0-7", "0,4 1,5 2,6 3,7 0,4 1,5 2,6 3,7", 4)]
    // Some of them, as a container may be given.
    [InlineData("0,4", "0,4 1,5 2,6 3,7 0,4 1,5 2,6 3,7", 1)]
    [InlineData("2-3,6", "0,4 1,5 2,6 3,7 0,4 1,5 2,6 3,7", 2)]
    // Fast cores of two threads beside slow ones of one.
    [InlineData("0-5", "0-1 0-1 2-3 2-3 4 5", 4)]
    // Not said.
    [InlineData("0-2", "- - -", 3)]
    public void Threads_of_a_core_count_once(string allowed, string siblings, int cores) =>
        Assert.Equal(cores, ProcessorCores.CountIn(_folder.FullName, Write(allowed, siblings)));

    [Theory]
    [InlineData("", "0")]
    [InlineData("x", "0")]
    [InlineData("3-1", "0")]
    [InlineData("0-99999999", "0")]
    [InlineData("0-1-2", "0")]
    [InlineData("-1", "0")]
    [InlineData("0", "?")]
    public void What_is_not_understood_counts_nothing(string allowed, string siblings) =>
        Assert.Null(ProcessorCores.CountIn(_folder.FullName, Write(allowed, siblings)));

    [Fact]
    public void Without_the_files_nothing_is_counted()
    {
        Assert.Null(ProcessorCores.CountIn(_folder.FullName, Path.Combine(_folder.FullName, "absent")));
        var status = Path.Combine(_folder.FullName, "status");
        File.WriteAllText(status, "Name:\tearshot\n");
        Assert.Null(ProcessorCores.CountIn(_folder.FullName, status));
    }

    [Fact]
    public void This_machine_has_some_and_devices_take_as_many()
    {
        Assert.InRange(ProcessorCores.Count, 1, Environment.ProcessorCount);
        using var device = new CpuDevice();
        Assert.Equal(ProcessorCores.Count, device.Threads);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    string Write(string allowed, string siblings)
    {
        var lists = siblings.Split(' ');
        for (int i = 0; i < lists.Length; i++)
        {
            if (lists[i] == "-") continue;
            var topology = Directory.CreateDirectory(Path.Combine(_folder.FullName, $"cpu{i}", "topology"));
            File.WriteAllText(Path.Combine(topology.FullName, "thread_siblings_list"), lists[i] + "\n");
        }
        var status = Path.Combine(_folder.FullName, "status");
        File.WriteAllText(status, $"Name:\tearshot\nCpus_allowed:\tff\nCpus_allowed_list:\t{allowed}\nMems_allowed:\t1\n");
        return status;
    }
}
