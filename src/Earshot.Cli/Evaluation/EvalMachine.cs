using System.Runtime.InteropServices;
using Earshot.Compute.Cpu;
using Earshot.Evaluation;

namespace Earshot.Cli.Evaluation;

/// <summary>What this machine is, for reports.</summary>
internal static class EvalMachine
{
    public static EvaluationMachine This() => new()
    {
        Processor = ProcessorName.Name,
        Cores = Environment.ProcessorCount,
        System = RuntimeInformation.OSDescription,
        Runtime = RuntimeInformation.FrameworkDescription,
    };
}
