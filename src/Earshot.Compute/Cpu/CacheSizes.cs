using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Earshot.Compute.Cpu;

/// <summary>
/// The data caches of one core in bytes, from which matrix products are cut. No result depends on them, to the last bit: they may be said
/// to be smaller than they are.
/// </summary>
/// <param name="First">The first level's.</param>
/// <param name="Second">The second level's, code included.</param>
public sealed record CacheSizes(int First, int Second)
{
    /// <summary>What processors have at least that are worth computing on; taken where the machine does not say.</summary>
    public static CacheSizes Least { get; } = new(32 << 10, 256 << 10);

    static readonly Lazy<CacheSizes> s_this = new(() => OfProcessor() ?? OfSystem() ?? OfMac() ?? WindowsCaches.OfFirstCore() ?? Least);

    /// <summary>What this machine says of its first core.</summary>
    public static CacheSizes OfThisMachine => s_this.Value;

    // CPUID's leaf 4, or AMD's leaf of the same form: a cache for each subleaf.
    static CacheSizes? OfProcessor()
    {
        const int intel = 4, amd = unchecked((int)0x8000001D), mostCaches = 8;
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64 || !X86Base.IsSupported) return null;
        foreach (int leaf in (ReadOnlySpan<int>)[intel, amd])
        {
            if ((uint)X86Base.CpuId(leaf & int.MinValue, 0).Eax < (uint)leaf) continue;
            int[] sizes = new int[4];
            for (int cache = 0; cache < mostCaches; cache++)
            {
                var (eax, ebx, ecx, _) = X86Base.CpuId(leaf, cache);
                const int none = 0, instructions = 2;
                int type = eax & 31, level = eax >> 5 & 7;
                if (type == none) break;
                if (type == instructions || level >= sizes.Length) continue;
                long bytes = ((uint)ebx >> 22) + 1L;
                bytes *= ((uint)ebx >> 12 & 1023) + 1;
                bytes *= ((uint)ebx & 4095) + 1;
                sizes[level] = (int)Math.Min(bytes * ((uint)ecx + 1L), int.MaxValue);
            }
            if (Plausible(sizes[1], sizes[2]) is { } found) return found;
        }
        return null;
    }

    static CacheSizes? OfSystem()
    {
        const string folder = "/sys/devices/system/cpu/cpu0/cache";
        int[] sizes = new int[4];
        try
        {
            if (!Directory.Exists(folder)) return null;
            foreach (var cache in Directory.EnumerateDirectories(folder, "index*"))
            {
                if (File.ReadAllText(Path.Combine(cache, "type")).StartsWith("Instruction", StringComparison.Ordinal)) continue;
                int level = int.Parse(File.ReadAllText(Path.Combine(cache, "level")), CultureInfo.InvariantCulture);
                // Such as "48K".
                var size = File.ReadAllText(Path.Combine(cache, "size")).Trim();
                if (level < sizes.Length && size.EndsWith('K')) sizes[level] = int.Parse(size[..^1], CultureInfo.InvariantCulture) << 10;
            }
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or FormatException or OverflowException)
        {
            return null;
        }
        return Plausible(sizes[1], sizes[2]);
    }

    // The fast cores' of a Mac; several share the second level.
    static CacheSizes? OfMac()
    {
        if (!OperatingSystem.IsMacOS()) return null;
        long first = SystemControl.Read("hw.perflevel0.l1dcachesize") ?? 0, second = SystemControl.Read("hw.perflevel0.l2cachesize") ?? 0;
        long sharers = Math.Max(1, SystemControl.Read("hw.perflevel0.cpusperl2") ?? 1);
        return first is > 0 and <= int.MaxValue && second is > 0 and <= int.MaxValue
            ? Plausible((int)first, (int)(second / sharers))
            : null;
    }

    // A virtual machine may say nothing, or nonsense.
    internal static CacheSizes? Plausible(int first, int second) =>
        first >= 8 << 10 && second > first ? new CacheSizes(first, second) : null;
}
