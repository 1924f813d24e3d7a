using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.SelfTest;
using Earshot.Compute.Tests;
using Earshot.Compute.Tests.Cpu;
using Earshot.Compute.Tests.Quantization;

// Earshot.Compute.SelfTest [--best SET] [--only SET] [--filter NAME] [--without NAME,NAME]
// --best fails where the processor's best instruction set is another; --only checks one set of those that it has; names may be parts.
string? Option(string name)
{
    int at = Array.IndexOf(args, name);
    return at < 0 ? null : at + 1 < args.Length ? args[at + 1] : throw new ArgumentException($"{name} wants a value.");
}

var best = Isa.Select(InstructionSet.Amx);
Console.WriteLine(
    $"{InstructionSets.NameOf(best.Set)}{(best.HasBf16 ? " with bfloat16" : "")}, " +
    $"{ProcessorCores.Count} cores, {CacheSizes.OfThisMachine}");
if (Option("--best") is { } expected && Isa.Named(expected) != best.Set)
{
    Console.WriteLine($"FAILED: expected {expected}");
    return 1;
}
if (KernelSet.For(best.Set).Isa != best)
{
    Console.WriteLine("FAILED: the system does not let kernels be emitted");
    return 1;
}

var suite = new Suite(Isa.Named(Option("--only")), Option("--filter"), Option("--without")?.Split(',') ?? []);
suite.Run<NeonKernelTests>();
suite.Run<MatrixProductTests>();
suite.Run<RowPrecisionTests>();
suite.Run<AttentionTests>();
suite.Run<PagedAttentionTests>();
suite.Run<PromptAttentionTests>();
suite.Run<AttentionSpanTests>();
suite.Run<ElementwiseTests>();
suite.Run<ElementOperationTests>();
suite.Run<PositionOperationTests>();
suite.Run<SequenceOperationTests>();
suite.Run<ConvolutionTests>();
suite.Run<CompositeTests>();
suite.Run<Int8PanelsTests>();
suite.Run<OutlierColumnsTests>();
Console.WriteLine($"{suite.Passed} passed, {suite.Failed} failed, {suite.Skipped} skipped");
return suite.Failed == 0 && suite.Passed > 0 ? 0 : 1;
