namespace Earshot.Compute.Cpu;

/// <summary>
/// The cores that this process may compute on. Two threads on one core share its arithmetic, so that products take no less time for them,
/// and wait for each other at every end.
/// </summary>
public static class ProcessorCores
{
    /// <summary>So few processors are all used: what a small virtual machine says of its cores is not worth losing half of it.</summary>
    const int Few = 2;

    static readonly Lazy<int> s_count = new(() => Environment.ProcessorCount <= Few
        ? Environment.ProcessorCount
        : Math.Clamp(OfSystem() ?? int.MaxValue, 1, Environment.ProcessorCount));

    /// <summary>
    /// Cores, not the threads that they run at once, among the processors that this process may use, and no more than its share of time
    /// allows. Where the system does not say which processors share a core, processors. Of a Mac's two kinds of core the fast ones: the
    /// others would be waited for at the end of every product.
    /// </summary>
    public static int Count => s_count.Value;

    static int? OfSystem()
    {
        if (OperatingSystem.IsLinux()) return new LinuxProcessors(LinuxProcessors.ReadFile).Cores();
        if (OperatingSystem.IsWindows()) return WindowsProcessors.Cores();
        return SystemControl.Read("hw.perflevel0.physicalcpu") is > 0 and <= int.MaxValue and var fast ? (int)fast : null;
    }
}
