using System.Runtime.InteropServices;
using Earshot.Evaluation;

namespace Earshot.Cli.Evaluation;

/// <summary>What this machine is, for reports.</summary>
internal static class EvalMachine
{
    public static EvaluationMachine This() => new()
    {
        Processor = Processor(),
        Cores = Environment.ProcessorCount,
        System = RuntimeInformation.OSDescription,
        Runtime = RuntimeInformation.FrameworkDescription,
    };

    static string Processor()
    {
        const string file = "/proc/cpuinfo";
        var name = OperatingSystem.IsLinux() && File.Exists(file)
            ? File.ReadLines(file).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[^1].Trim()
            : Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER");
        return string.IsNullOrEmpty(name) ? $"{RuntimeInformation.ProcessArchitecture} processor" : name;
    }
}
