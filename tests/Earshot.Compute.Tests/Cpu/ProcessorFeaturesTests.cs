using System.Runtime.Intrinsics.X86;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Tests.Cpu;

public sealed class ProcessorFeaturesTests
{
    const int Avx512 = 1 << 16 | 1 << 17 | 1 << 30 | 1 << 31;
    const ulong WideStates = 0b1110_0110, TileStates = 1 << 17 | 1 << 18;

    [Fact]
    public void Wide_vectors_need_the_processor_and_the_system()
    {
        Assert.True(new ProcessorFeatures(Avx512, 0, 0, 0, WideStates).HasAvx512);
        // A system that saves only the lower halves, as virtual machines may.
        Assert.False(new ProcessorFeatures(Avx512, 0, 0, 0, 0b110).HasAvx512);
        foreach (int bit in (int[])[16, 17, 30, 31])
            Assert.False(new ProcessorFeatures(Avx512 & ~(1 << bit), 0, 0, 0, WideStates).HasAvx512);
    }

    [Fact]
    public void Dot_products_count_with_wide_vectors_only()
    {
        var all = new ProcessorFeatures(Avx512, 1 << 11, 0, 1 << 5, WideStates);
        Assert.True(all is { HasAvx512Vnni: true, HasAvx512Bf16: true });
        Assert.True(all with { EnabledState = 0b110 } is { HasAvx512Vnni: false, HasAvx512Bf16: false });
        Assert.True(new ProcessorFeatures(Avx512, 0, 0, 0, WideStates) is { HasAvx512Vnni: false, HasAvx512Bf16: false });
    }

    [Fact]
    public void Bfloat16_is_widened_where_its_products_are_slow()
    {
        var amd = new ProcessorFeatures(Avx512, 0, 0, 1 << 5, WideStates);
        Assert.True(amd.MultipliesBf16Fast);
        Assert.True(amd with { IsIntel = true } is { MultipliesBf16Fast: false, HasAvx512Bf16: true });
        Assert.False((amd with { Leaf71Eax = 0 }).MultipliesBf16Fast);
    }

    [Fact]
    public void Tiles_need_their_states()
    {
        var all = new ProcessorFeatures(Avx512, 0, 1 << 22 | 1 << 24 | 1 << 25, 0, WideStates | TileStates);
        Assert.True(all.HasAmx);
        Assert.False((all with { EnabledState = WideStates }).HasAmx);
        Assert.False((all with { Leaf7Edx = 1 << 24 }).HasAmx);
    }

    [Fact]
    public void This_machine_says_what_the_runtime_says()
    {
        Assert.SkipUnless(X86Base.IsSupported, "This processor is no x64.");
        var features = ProcessorFeatures.OfThisMachine;
        // The runtime may be told to leave an extension alone; it never invents one.
        if (Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512F.VL.IsSupported) Assert.True(features.HasAvx512);
        if (Avx2.IsSupported) Assert.Equal(0b110ul, features.EnabledState & 0b110);
    }
}
