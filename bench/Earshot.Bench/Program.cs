using System.Globalization;
using Earshot.Bench;

switch (args)
{
    case ["kernels", .. var rest]:
        KernelBench.Run(rest is [var filter, ..] ? filter : "", rest is [_, var threads, ..] ? int.Parse(threads, CultureInfo.InvariantCulture) : Environment.ProcessorCount);
        return 0;
    case ["packing"]:
        KernelBench.RunPacking();
        return 0;
    case ["attention"]:
        KernelBench.RunAttention();
        return 0;
    case ["model", var shape]:
        ModelBench.Run(shape);
        return 0;
    case ["encoder", var shape, var format]:
        ModelBench.RunEncoder(shape, Enum.Parse<Earshot.Compute.Cpu.WeightFormat>(format, ignoreCase: true));
        return 0;
    case ["streams", var shape, var format, var streams, var workers]:
        ModelBench.RunStreams(shape, Enum.Parse<Earshot.Compute.Cpu.WeightFormat>(format, ignoreCase: true), int.Parse(streams, CultureInfo.InvariantCulture), int.Parse(workers, CultureInfo.InvariantCulture));
        return 0;
    case ["peer", var shape, .. var more]:
        PeerBench.Run(shape, more is [var rounds] ? int.Parse(rounds, System.Globalization.CultureInfo.InvariantCulture) : 7);
        return 0;
    default:
        Console.Error.WriteLine("Usage: Earshot.Bench kernels [instruction set and format, such as 'Avx512 BF16' [threads]] | attention | packing | model SHAPE | encoder SHAPE FORMAT | streams SHAPE FORMAT STREAMS THREADS (both for a profiler) | peer SHAPE [ROUNDS]");
        return 2;
}
