using System.Runtime.InteropServices;
using Earshot.Compute.Cpu.Emit;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>Every encoding of arm64 that kernels use, against what GNU as (binutils 2.40) gives for the line above it.</summary>
public sealed class ArmAssemblerTests
{
    [Fact]
    public void Loads_and_stores()
    {
        // ldr q31, [x9, #112]
        Check(0x3dc01d3f, code => code.LoadVector(31, Xr.X9, 112));
        // str q7, [x9, #16]
        Check(0x3d800527, code => code.StoreVector(Xr.X9, 16, 7));
        // ldr s24, [x3], #4
        Check(0xbc404478, code => code.LoadAndAdvance(24, Xr.X3, 4));
        // ldr d25, [x4], #8
        Check(0xfc408499, code => code.LoadAndAdvance(25, Xr.X4, 8));
        // ldr q26, [x8], #16
        Check(0x3cc1051a, code => code.LoadAndAdvance(26, Xr.X8, 16));
        // ld1 {v26.d}[1], [x8], #8
        Check(0x4ddf851a, code => code.LoadUpperAndAdvance(26, Xr.X8));
        // ld1r {v28.4s}, [x5], #4
        Check(0x4ddfc8bc, code => code.BroadcastAndAdvance(28, Xr.X5));
    }

    [Fact]
    public void Registers_and_shifts()
    {
        // movi v17.2d, #0
        Check(0x6f00e411, code => code.Zero(17));
        // movi v31.16b, #0x80
        Check(0x4f04e41f, code => code.SetBytesTo128(31));
        // eor v30.16b, v30.16b, v31.16b
        Check(0x6e3f1fde, code => code.Xor(30, 30, 31));
        // shl v29.4s, v30.4s, #16
        Check(0x4f3057dd, code => code.ShiftLeft(29, 30, 16));
        // ushr v30.4s, v30.4s, #16
        Check(0x6f3007de, code => code.ShiftRight(30, 30, 16));
    }

    [Fact]
    public void Products()
    {
        // fmla v23.4s, v30.4s, v29.s[3]
        Check(0x4fbd1bd7, code => code.MultiplyAddFloat(23, 30, 29, 3));
        // bfdot v5.4s, v30.8h, v27.2h[2]
        Check(0x4f5bfbc5, code => code.DotBFloat16(5, 30, 27, 2));
        // usdot v5.4s, v30.16b, v27.4b[1]
        Check(0x4fbbf3c5, code => code.DotUnsignedSigned(5, 30, 27, 1));
        // sdot v5.4s, v30.16b, v27.4b[3]
        Check(0x4fbbebc5, code => code.DotSigned(5, 30, 27, 3));
        // sdot v5.4s, v16.16b, v31.16b
        Check(0x4e9f9605, code => code.DotSigned(5, 16, 31));
        // bfmmla v23.4s, v27.8h, v26.8h
        Check(0x6e5aef77, code => code.MatrixBFloat16(23, 27, 26));
        // usmmla v23.4s, v28.16b, v24.16b
        Check(0x4e98af97, code => code.MatrixUnsignedSigned(23, 28, 24));
        // smull v30.8h, v20.8b, v28.8b
        Check(0x0e3cc29e, code => code.MultiplyBytes(30, 20, 28, upper: false));
        // smull2 v30.8h, v20.16b, v28.16b
        Check(0x4e3cc29e, code => code.MultiplyBytes(30, 20, 28, upper: true));
        // smlal v30.8h, v21.8b, v29.8b
        Check(0x0e3d82be, code => code.MultiplyAddBytes(30, 21, 29, upper: false));
        // smlal2 v30.8h, v21.16b, v29.16b
        Check(0x4e3d82be, code => code.MultiplyAddBytes(30, 21, 29, upper: true));
    }

    [Fact]
    public void Sums_and_orders()
    {
        // saddlp v24.8h, v16.16b
        Check(0x4e202a18, code => code.AddBytePairs(24, 16));
        // sadalp v3.4s, v24.8h
        Check(0x4e606b03, code => code.AccumulatePairs(3, 24));
        // addp v0.4s, v0.4s, v1.4s
        Check(0x4ea1bc00, code => code.AddPairs(0, 0, 1));
        // add v0.4s, v0.4s, v28.4s
        Check(0x4ebc8400, code => code.AddInt32(0, 0, 28));
        // addv s3, v3.4s
        Check(0x4eb1b863, code => code.SumLanes(3, 3));
        // umov w14, v3.s[0]
        Check(0x0e043c6e, code => code.MoveLane(Xr.X14, 3));
        // dup v19.4s, w14
        Check(0x4e040dd3, code => code.Broadcast(19, Xr.X14));
        // zip1 v27.4s, v29.4s, v28.4s
        Check(0x4e9c3bbb, code => code.Interleave(27, 29, 28, upper: false));
        // zip2 v28.4s, v29.4s, v28.4s
        Check(0x4e9c7bbc, code => code.Interleave(28, 29, 28, upper: true));
        // uzp1 v27.4s, v6.4s, v7.4s
        Check(0x4e8718db, code => code.Deinterleave(27, 6, 7, odd: false));
        // uzp2 v27.4s, v6.4s, v7.4s
        Check(0x4e8758db, code => code.Deinterleave(27, 6, 7, odd: true));
    }

    [Fact]
    public void Numbers_and_addresses()
    {
        // ldr x10, [x0, #40]
        Check(0xf940140a, code => code.Load(Xr.X10, Xr.X0, 40));
        // add x5, x4, x10
        Check(0x8b0a0085, code => code.Add(Xr.X5, Xr.X4, Xr.X10));
        // add x1, x1, #512
        Check(0x91080021, code => code.Add(Xr.X1, Xr.X1, 512));
        // subs x2, x2, #4
        Check(0xf1001042, code => code.Subtract(Xr.X2, 4));
        // adds x2, x2, #4
        Check(0xb1001042, code => code.AddAndTest(Xr.X2, 4));
        // mov x8, x7
        Check(0xaa0703e8, code => code.Move(Xr.X8, Xr.X7));
        // neg w12, w12
        Check(0x4b0c03ec, code => code.Negate32(Xr.X12));
        // prfm pldl1keep, [x1, #2112]
        Check(0xf9842020, code => code.Prefetch(Xr.X1, 2112));
    }

    [Fact]
    public void What_a_function_keeps()
    {
        // stp d8, d9, [sp, #-64]!
        Check(0x6dbc27e8, code => code.PushLowerHalves(8, 9, 64));
        // stp d14, d15, [sp, #48]
        Check(0x6d033fee, code => code.StoreLowerHalves(14, 15, 48));
        // ldp d10, d11, [sp, #16]
        Check(0x6d412fea, code => code.LoadLowerHalves(10, 11, 16));
        // ldp d8, d9, [sp], #64
        Check(0x6cc427e8, code => code.PopLowerHalves(8, 9, 64));
        // ret
        Check(0xd65f03c0, code => code.Return());
    }

    [Fact]
    public void Branches_go_both_ways()
    {
        var code = new ArmAssembler();
        Label back = new(), ahead = new();
        code.Place(back);
        code.BranchIfZero(Xr.X2, ahead);
        code.Branch(ahead);
        code.Branch(ArmCondition.NotEqual, back);
        code.Branch(ArmCondition.Lower, ahead);
        code.Place(ahead);
        code.Align(32);
        // cbz x2, .+16; b.al .+12; b.ne .-8; b.lo .+4; then nop
        Assert.Equal([0xB4000082, 0x5400006E, 0x54FFFFC1, 0x54000023, 0xD503201F, 0xD503201F, 0xD503201F, 0xD503201F], Words(code));
    }

    [Fact]
    public void What_no_instruction_holds_is_refused()
    {
        var code = new ArmAssembler();
        Assert.Throws<ArgumentOutOfRangeException>(() => code.LoadVector(0, Xr.X1, 8));
        Assert.Throws<ArgumentOutOfRangeException>(() => code.LoadVector(0, Xr.X1, 65536));
        Assert.Throws<ArgumentOutOfRangeException>(() => code.Add(Xr.X1, Xr.X1, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => code.Prefetch(Xr.X1, 4096 * 8));
    }

    static void Check(uint expected, Action<ArmAssembler> emit)
    {
        var code = new ArmAssembler();
        emit(code);
        Assert.Equal([expected], Words(code));
    }

    static uint[] Words(ArmAssembler code) => MemoryMarshal.Cast<byte, uint>(code.Code).ToArray();
}
