using System.Reflection;

namespace Earshot.Compute.Cpu;

/// <summary>Tells kernels apart whose speed, or whose last bits, may differ.</summary>
public static class KernelVersion
{
    /// <summary>Raised with every change of the kernels that makes other formats the fastest.</summary>
    const int Kernels = 1;

    /// <summary>The library's version and the kernels' own, such as "0.1.0/1".</summary>
    public static string Name { get; } = $"{Library?.Split('+')[0]}/{Kernels}";

    static string? Library =>
        typeof(KernelVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
}
