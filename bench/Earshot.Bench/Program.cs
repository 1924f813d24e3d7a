using System.Globalization;
using Earshot.Bench;
using Earshot.Compute.Quantization;

switch (args)
{
    case ["kernels", .. var rest]:
        KernelBench.Run(rest.ElementAtOrDefault(0) ?? "", Number(rest, 1, Environment.ProcessorCount));
        return 0;
    case ["blocks", .. var shape]:
        BlockBench.Run(Number(shape, 0, 1536), Number(shape, 1, 256));
        return 0;
    case ["packing"]:
        KernelBench.RunPacking();
        return 0;
    case ["attention", .. var more]:
        KernelBench.RunAttention(more.ElementAtOrDefault(0) ?? "", Number(more, 1, Environment.ProcessorCount));
        return 0;
    case ["code", var set, var type, var rows]:
        EmittedCode.Write(set, type, int.Parse(rows, CultureInfo.InvariantCulture), Console.OpenStandardOutput());
        return 0;
    case ["model", var shape]:
        await ModelBench.RunAsync(shape);
        return 0;
    case ["encoder", var shape, var format]:
        await ModelBench.RunEncoderAsync(shape, WeightFormat.Parse(format));
        return 0;
    case ["streams", var shape, var format, var streams, var workers]:
        await ModelBench.RunStreamsAsync(shape, WeightFormat.Parse(format), int.Parse(streams, CultureInfo.InvariantCulture), int.Parse(
            workers, CultureInfo.InvariantCulture));
        return 0;
    case ["idle", var shape, var format, .. var more]:
        await ModelBench.RunIdleAsync(shape, WeightFormat.Parse(format), Number(more, 0, 64));
        return 0;
    case ["windows", var shape]:
        ModelBench.RunWindows(shape);
        return 0;
    case ["peer", var shape, .. var more]:
        await PeerBench.RunAsync(shape, Number(more, 0, 7), Number(more, 1, Environment.ProcessorCount));
        return 0;
    case ["transducer", var shape, var format, .. var more]:
        await TransducerBench.RunAsync(
            shape, WeightFormat.Parse(format), Number(more, 0, 8), Number(more, 1, 9), Number(more, 2, Environment.ProcessorCount));
        return 0;
    case ["alignment", var minutes, var kind, .. var more]:
        AlignmentBench.Run(double.Parse(minutes, CultureInfo.InvariantCulture), kind, Number(more, 0, 3));
        return 0;
    case ["long", var shape, var minutes, var format]:
        await LongAudioBench.RunAsync(shape, double.Parse(minutes, CultureInfo.InvariantCulture), WeightFormat.Parse(format));
        return 0;
    case ["augment", var manifest, var folder, .. var more]:
        AugmentedClips.Write(manifest, folder, Number(more, 0, 20), (ulong)Number(more, 1, 1));
        return 0;
    case ["agreement", var model, var manifest, .. var systems]:
        await Agreement.RunAsync(model, manifest, systems);
        return 0;
    case ["speakers", .. var more]:
        SpeakerBench.Run(Number(more, 0, 15));
        return 0;
    case ["text", var folder, .. var more]:
        TextBench.Run(folder, Number(more, 0, 9));
        return 0;
    case ["schema", .. var tokenizers]:
        SchemaBench.Run(10_000, tokenizers is [] ? ["tests/data/tokenizers/smollm2-tiny"] : tokenizers);
        return 0;
    case ["outliers"]:
        OutlierBench.Run();
        return 0;
    case ["outliers", var measured]:
        OutlierBench.Run(measured);
        return 0;
    case ["losses", var run, var baseline]:
        Losses.Run(run, baseline);
        return 0;
    case ["prefill", .. var more]:
        PrefillBench.Run(Number(more, 0, 12), Number(more, 1, 2048), Number(more, 2, 4096), new Earshot.Compute.Cpu.CpuOptions
        {
            Weights = Earshot.Compute.Quantization.WeightFormat.Parse(more.Length > 3 ? more[3] : "f32", null),
            Threads = more.Length > 4 ? Number(more, 4, 1) : null,
        });
        return 0;
    case ["scaling", var shape, var format]:
        await ScalingBench.RunAsync(shape, WeightFormat.Parse(format));
        return 0;
    case ["startup", var recording, var startRounds, .. var programs]:
        StartupBench.Run(recording, int.Parse(startRounds, CultureInfo.InvariantCulture), programs);
        return 0;
    default:
        Console.Error.WriteLine(
            "Usage: Earshot.Bench kernels [instruction set and format, such as 'Avx512 BF16' [threads]] | attention [the same] | " +
            "blocks [INPUTS [OUTPUTS]] " +
            "| packing | code SET TYPE ROWS | model " +
            "SHAPE | encoder SHAPE FORMAT | streams SHAPE FORMAT STREAMS THREADS (both for a profiler) | " +
            "idle SHAPE FORMAT [GENERATIONS] | windows SHAPE | peer SHAPE " +
            "[ROUNDS [THREADS]] | transducer SHAPE FORMAT [RECORDINGS [ROUNDS [THREADS]]] | " +
            "alignment MINUTES letters|pieces [ROUNDS] | long SHAPE MINUTES FORMAT (a Conformer) | " +
            "augment MANIFEST FOLDER [VARIANTS [SEED]] | agreement MODEL MANIFEST SYSTEM... " +
            "(such as int8,fc2=bf16) | outliers [MODEL] | losses RUN SYSTEM | startup RECORDING ROUNDS PROGRAM... " +
            "| scaling SHAPE FORMAT | text FOLDER [ROUNDS] | schema [TOKENIZER...] " +
            "| speakers [ROUNDS] | prefill [LAYERS [WIDTH [POSITIONS [FORMAT [THREADS]]]]]");
        return 2;
}

static int Number(string[] arguments, int at, int otherwise) =>
    at < arguments.Length ? int.Parse(arguments[at], CultureInfo.InvariantCulture) : otherwise;
