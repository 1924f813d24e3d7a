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
    case ["windows", var shape]:
        ModelBench.RunWindows(shape);
        return 0;
    case ["peer", var shape, .. var more]:
        PeerBench.Run(shape, more is [var rounds] ? int.Parse(rounds, System.Globalization.CultureInfo.InvariantCulture) : 7);
        return 0;
    case ["augment", var manifest, var folder, .. var more]:
        AugmentedClips.Write(manifest, folder, Number(more, 0, 20), (ulong)Number(more, 1, 1));
        return 0;
    case ["agreement", var model, var manifest, .. var systems]:
        Agreement.Run(model, manifest, systems);
        return 0;
    case ["speakers", .. var more]:
        SpeakerBench.Run(Number(more, 0, 15));
        return 0;
    case ["losses", var run, var baseline]:
        Losses.Run(run, baseline);
        return 0;
    case ["startup", var recording, var startRounds, .. var programs]:
        StartupBench.Run(recording, int.Parse(startRounds, CultureInfo.InvariantCulture), programs);
        return 0;
    default:
        Console.Error.WriteLine("Usage: Earshot.Bench kernels [instruction set and format, such as 'Avx512 BF16' [threads]] | attention | packing | model SHAPE | encoder SHAPE FORMAT | streams SHAPE FORMAT STREAMS THREADS (both for a profiler) | windows SHAPE | peer SHAPE [ROUNDS] | augment MANIFEST FOLDER [VARIANTS [SEED]] | agreement MODEL MANIFEST SYSTEM... (such as int8,fc2=bf16) | losses RUN SYSTEM | startup RECORDING ROUNDS PROGRAM... | speakers [ROUNDS]");
        return 2;
}

static int Number(string[] arguments, int at, int otherwise) => at < arguments.Length ? int.Parse(arguments[at], CultureInfo.InvariantCulture) : otherwise;
