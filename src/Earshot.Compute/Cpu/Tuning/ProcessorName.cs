using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Earshot.Compute.Cpu;

/// <summary>What a processor calls itself.</summary>
public static class ProcessorName
{
    static readonly Lazy<string> s_name = new(() => Clean(OfSystem()) ?? Clean(Brand()) ?? Unknown);
    static readonly Lazy<string> s_model = new(() =>
        Clean(Brand()) is { } brand ? $"{brand}, {Signature()}" : Clean(OfSystem()) ?? Unknown);

    /// <summary>Its name for people, as the system gives it, such as "AMD EPYC 7763 64-Core Processor".</summary>
    public static string Name => s_name.Value;

    /// <summary>
    /// What it says itself, with family, model and stepping where it tells them: virtual machines call many processors by one name.
    /// </summary>
    public static string Model => s_model.Value;

    static string Unknown => $"{RuntimeInformation.ProcessArchitecture} processor";

    // CPUID's leaves 0x80000002 to 4: 48 letters.
    static string? Brand()
    {
        const int first = unchecked((int)0x80000002), last = unchecked((int)0x80000004);
        if (!HasCpuId() || (uint)X86Base.CpuId(int.MinValue, 0).Eax < unchecked((uint)last)) return null;
        Span<int> words = stackalloc int[12];
        for (int i = 0; i < 3; i++) (words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]) = X86Base.CpuId(first + i, 0);
        return Encoding.ASCII.GetString(MemoryMarshal.AsBytes(words));
    }

    // Leaf 1's EAX, of which an extension counts where the manuals say so.
    static string? Signature()
    {
        if (!HasCpuId()) return null;
        int eax = X86Base.CpuId(1, 0).Eax, family = eax >> 8 & 15, model = eax >> 4 & 15;
        if (family is 6 or 15) model |= eax >> 12 & 0xF0;
        if (family == 15) family += eax >> 20 & 0xFF;
        return string.Create(CultureInfo.InvariantCulture, $"family {family}, model {model}, stepping {eax & 15}");
    }

    static bool HasCpuId() => RuntimeInformation.ProcessArchitecture == Architecture.X64 && X86Base.IsSupported;

    static string? OfSystem()
    {
        if (!OperatingSystem.IsLinux()) return Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER");
        return LinuxProcessors.ReadFile("/proc/cpuinfo")?.Split('\n')
            .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[^1];
    }

    /// <summary>Without zeros at the end, and without the runs of spaces that some names are padded with.</summary>
    internal static string? Clean(string? name)
    {
        var words = (name ?? "").Split([' ', '\0', '\t'], StringSplitOptions.RemoveEmptyEntries);
        return words.Length == 0 ? null : string.Join(' ', words);
    }
}
