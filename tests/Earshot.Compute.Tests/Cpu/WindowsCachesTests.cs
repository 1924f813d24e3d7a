using System.Buffers.Binary;
using Earshot.Compute.Cpu;

namespace Earshot.Compute.Tests.Cpu;

public sealed class WindowsCachesTests
{
    const int Data = 2, Instructions = 1, Unified = 0;

    [Fact]
    public void The_first_cache_of_each_level_that_holds_data_counts()
    {
        byte[] records =
        [
            .. Record(1, Instructions, 128 << 10), .. Record(1, Data, 64 << 10), .. Record(2, Unified, 2 << 20),
            .. Record(3, Unified, 8 << 20), .. Record(1, Data, 32 << 10), .. Record(2, Unified, 512 << 10),
        ];
        Assert.Equal(new CacheSizes(64 << 10, 2 << 20), WindowsCaches.Parse(records));
    }

    [Fact]
    public void What_is_cut_short_or_says_nonsense_is_passed_over()
    {
        byte[] whole = [.. Record(1, Data, 64 << 10), .. Record(2, Unified, 2 << 20)];
        for (int length = 0; length < whole.Length - 32; length++) Assert.Null(WindowsCaches.Parse(whole.AsSpan(0, length)));
        foreach (int size in (int[])[0, -1, 19, 81, int.MaxValue])
        {
            var broken = (byte[])whole.Clone();
            BinaryPrimitives.WriteInt32LittleEndian(broken.AsSpan(4), size);
            Assert.Null(WindowsCaches.Parse(broken));
        }
        Assert.Null(WindowsCaches.Parse([.. Record(1, Data, 64 << 10), .. Record(2, Unified, -5), .. Record(255, Unified, 2 << 20)]));
    }

    // As GetLogicalProcessorInformationEx gives a cache, with one group of processors behind it.
    static byte[] Record(int level, int type, int bytes)
    {
        var record = new byte[56];
        BinaryPrimitives.WriteInt32LittleEndian(record, 2);
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(4), record.Length);
        record[8] = (byte)level;
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(12), bytes);
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(16), type);
        return record;
    }
}
