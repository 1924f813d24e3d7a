using Earshot.Compute.Cpu.Emit;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>Every encoding that kernels use, against what GNU as (binutils 2.40) gives for the line above it.</summary>
public sealed class AssemblerTests
{
    [Fact]
    public void Loads_and_stores_of_vectors()
    {
        // vmovups zmm0, [rdi]
        Check("62 f1 7c 48 10 07", code => code.LoadVector(0, new Address(Gpr.Rdi)));
        // vmovups zmm17, [r11+64]: displacements count in 64 bytes
        Check("62 c1 7c 48 10 4b 01", code => code.LoadVector(17, new Address(Gpr.R11, 64)));
        // vmovups zmm29, [r11+448]
        Check("62 41 7c 48 10 6b 07", code => code.LoadVector(29, new Address(Gpr.R11, 448)));
        // vmovups zmm31, [r13+100]
        Check("62 41 7c 48 10 bd 64 00 00 00", code => code.LoadVector(31, new Address(Gpr.R13, 100)));
        // vmovups zmm3, [rsp+8192]
        Check("62 f1 7c 48 10 9c 24 00 20 00 00", code => code.LoadVector(3, new Address(Gpr.Rsp, 8192)));
        // vmovups [rsi], zmm27
        Check("62 61 7c 48 11 1e", code => code.StoreVector(new Address(Gpr.Rsi), 27));
        // vmovups [rsi+64], zmm8
        Check("62 71 7c 48 11 46 01", code => code.StoreVector(new Address(Gpr.Rsi, 64), 8));
    }

    [Fact]
    public void Broadcasts()
    {
        // vbroadcastss zmm30, [rax]
        Check("62 62 7d 48 18 30", code => code.Broadcast(30, new Address(Gpr.Rax)));
        // vbroadcastss zmm31, [rax+r8+4]
        Check("62 22 7d 48 18 7c 00 01", code => code.Broadcast(31, new Address(Gpr.Rax, 4, Gpr.R8)));
        // vbroadcastss zmm30, [rdx+r9*2+12]
        Check("62 22 7d 48 18 74 4a 03", code => code.Broadcast(30, new Address(Gpr.Rdx, 12, Gpr.R9, 2)));
        // vbroadcastss zmm30, [rax+r10*4+508]
        Check("62 22 7d 48 18 74 90 7f", code => code.Broadcast(30, new Address(Gpr.Rax, 508, Gpr.R10, 4)));
        // vbroadcastss zmm30, [rax+r10*4+512]
        Check("62 22 7d 48 18 b4 90 00 02 00 00", code => code.Broadcast(30, new Address(Gpr.Rax, 512, Gpr.R10, 4)));
    }

    [Fact]
    public void Shifts()
    {
        // vpsrld zmm28, [r11+128], 16
        Check("62 d1 1d 40 72 53 02 10", code => code.ShiftRight(28, new Address(Gpr.R11, 128), 16));
        // vpslld zmm29, [r11+64], 16
        Check("62 d1 15 40 72 73 01 10", code => code.ShiftLeft(29, new Address(Gpr.R11, 64), 16));
        // vpslld zmm28, zmm28, 16
        Check("62 91 1d 40 72 f4 10", code => code.ShiftLeft(28, 28, 16));
        // vpslld zmm3, zmm17, 8
        Check("62 b1 65 48 72 f1 08", code => code.ShiftLeft(3, 17, 8));
    }

    // GNU as takes shorter forms where there are, unless {vex3} asks for this one.
    [Fact]
    public void Vectors_of_256_bits()
    {
        // {vex3} vmovups ymm0, [rdi]
        Check("c4 e1 7c 10 07", code => code.LoadHalf(0, new Address(Gpr.Rdi)));
        // {vex3} vmovups ymm13, [r11+96]
        Check("c4 41 7c 10 6b 60", code => code.LoadHalf(13, new Address(Gpr.R11, 96)));
        // {vex3} vmovups ymm7, [r13+2048]
        Check("c4 c1 7c 10 bd 00 08 00 00", code => code.LoadHalf(7, new Address(Gpr.R13, 2048)));
        // {vex3} vmovups [rsi+32], ymm9
        Check("c4 61 7c 11 4e 20", code => code.StoreHalf(new Address(Gpr.Rsi, 32), 9));
        // {vex3} vbroadcastss ymm14, [rax+r8*1+4]
        Check("c4 22 7d 18 74 00 04", code => code.BroadcastHalf(14, new Address(Gpr.Rax, 4, Gpr.R8)));
        // {vex3} vbroadcastss ymm15, [rax+r10*4+12]
        Check("c4 22 7d 18 7c 90 0c", code => code.BroadcastHalf(15, new Address(Gpr.Rax, 12, Gpr.R10, 4)));
        // {vex3} vxorps ymm5, ymm5, ymm5
        Check("c4 e1 54 57 ed", code => code.ZeroHalf(5));
        // {vex3} vxorps ymm11, ymm11, ymm11
        Check("c4 41 24 57 db", code => code.ZeroHalf(11));
        // {vex3} vfmadd231ps ymm0, ymm12, ymm14
        Check("c4 c2 1d b8 c6", code => code.MultiplyAddHalf(0, 12, 14));
        // {vex3} vfmadd231ps ymm11, ymm13, ymm15
        Check("c4 42 15 b8 df", code => code.MultiplyAddHalf(11, 13, 15));
        // {vex3} vfmadd231ps ymm3, ymm13, [r11+160]
        Check("c4 c2 15 b8 9b a0 00 00 00", code => code.MultiplyAddHalf(3, 13, new Address(Gpr.R11, 160)));
        // {vex} vpdpbusd ymm2, ymm12, ymm14
        Check("c4 c2 1d 50 d6", code => code.DotBytesHalf(2, 12, 14));
        // {vex} vpdpbusd ymm11, ymm13, ymm15
        Check("c4 42 15 50 df", code => code.DotBytesHalf(11, 13, 15));
        // {vex3} vpxor ymm12, ymm12, [rdx]
        Check("c4 61 1d ef 22", code => code.XorHalf(12, 12, new Address(Gpr.Rdx)));
        // {vex3} vpslld ymm12, ymm12, 16
        Check("c4 c1 1d 72 f4 10", code => code.ShiftLeftHalf(12, 12, 16));
        // {vex3} vpslld ymm3, ymm13, 8
        Check("c4 c1 65 72 f5 08", code => code.ShiftLeftHalf(3, 13, 8));
        // {vex3} vpsrld ymm13, ymm13, 16
        Check("c4 c1 15 72 d5 10", code => code.ShiftRightHalf(13, 13, 16));
        // {vex3} vpsrad ymm12, ymm12, 24
        Check("c4 c1 1d 72 e4 18", code => code.ShiftRightSignedHalf(12, 12, 24));
        // {vex3} vcvtdq2ps ymm12, ymm12
        Check("c4 41 7c 5b e4", code => code.ToFloatHalf(12, 12));
        // {vex3} vcvtdq2ps ymm2, ymm13
        Check("c4 c1 7c 5b d5", code => code.ToFloatHalf(2, 13));
    }

    [Fact]
    public void Vector_arithmetic()
    {
        // vpxord zmm5, zmm5, zmm5
        Check("62 f1 55 48 ef ed", code => code.ZeroVector(5));
        // vpxord zmm29, zmm29, zmm29
        Check("62 01 15 40 ef ed", code => code.ZeroVector(29));
        // vfmadd231ps zmm0, zmm28, zmm30
        Check("62 92 1d 40 b8 c6", code => code.MultiplyAddFloat(0, 28, 30));
        // vfmadd231ps zmm27, zmm29, zmm31
        Check("62 02 15 40 b8 df", code => code.MultiplyAddFloat(27, 29, 31));
        // vdpbf16ps zmm1, zmm28, zmm30
        Check("62 92 1e 40 52 ce", code => code.DotBFloat16(1, 28, 30));
        // vdpbf16ps zmm26, zmm29, zmm31
        Check("62 02 16 40 52 d7", code => code.DotBFloat16(26, 29, 31));
        // vpdpbusd zmm2, zmm28, zmm30
        Check("62 92 1d 40 50 d6", code => code.DotBytes(2, 28, 30));
        // vpdpbusd zmm19, zmm9, zmm7
        Check("62 e2 35 48 50 df", code => code.DotBytes(19, 9, 7));
        // vpsrld zmm10, zmm10, 4
        Check("62 d1 2d 48 72 d2 04", code => code.ShiftRight(10, 10, 4));
        // vpsrld zmm27, zmm3, 12
        Check("62 f1 25 40 72 d3 0c", code => code.ShiftRight(27, 3, 12));
        // vpermps zmm5, zmm26, zmm31
        Check("62 92 2d 40 16 ef", code => code.Permute(5, 26, 31));
        // vpermps zmm18, zmm2, zmm4
        Check("62 e2 6d 48 16 d4", code => code.Permute(18, 2, 4));
        // vmulps zmm6, zmm28, zmm13
        Check("62 d1 1c 40 59 f5", code => code.Multiply(6, 28, 13));
        // vmulps zmm25, zmm5, zmm30
        Check("62 01 54 48 59 ce", code => code.Multiply(25, 5, 30));
        // vaddps zmm3, zmm17, zmm30
        Check("62 91 74 40 58 de", code => code.Add(3, 17, 30));
        // vsubps zmm28, zmm4, zmm9
        Check("62 41 5c 48 5c e1", code => code.Subtract(28, 4, 9));
        // vmaxps zmm16, zmm24, zmm2
        Check("62 e1 3c 40 5f c2", code => code.Max(16, 24, 2));
        // vmovaps zmm22, zmm1
        Check("62 e1 7c 48 28 f1", code => code.Copy(22, 1));
        // vfmadd213ps zmm17, zmm5, zmm28
        Check("62 82 55 48 a8 cc", code => code.MultiplyThenAdd(17, 5, 28));
        // vscalefps zmm7, zmm19, zmm16
        Check("62 b2 65 40 2c f8", code => code.ScaleByPowersOfTwo(7, 19, 16));
        // vrndscaleps zmm18, zmm11, 0
        Check("62 c3 7d 48 08 d3 00", code => code.RoundToWhole(18, 11));
        // vshuff32x4 zmm16, zmm20, zmm20, 0x4e
        Check("62 a3 5d 40 23 c4 4e", code => code.SwapBlocks(16, 20, 0x4E));
        // vpermilps zmm16, zmm22, 0xb1
        Check("62 a3 7d 48 04 c6 b1", code => code.SwapLanes(16, 22, 0xB1));
        // vcvtne2ps2bf16 zmm13, zmm13, zmm12
        Check("62 52 17 48 72 ec", code => code.ConvertToBFloat16(13, 13, 12));
        // vcvtne2ps2bf16 zmm29, zmm3, zmm20
        Check("62 22 67 48 72 ec", code => code.ConvertToBFloat16(29, 3, 20));
        // vmovss [r8], xmm20
        Check("62 c1 7e 08 11 20", code => code.StoreLane(new Address(Gpr.R8), 20));
        // vmovss [r9+8], xmm16
        Check("62 c1 7e 08 11 41 02", code => code.StoreLane(new Address(Gpr.R9, 8), 16));
        // vzeroupper
        Check("c5 f8 77", code => code.ZeroUpper());
    }

    [Fact]
    public void Tables_masks_and_parts_of_vectors()
    {
        // kmovq k1, [rdi+56]
        Check("c4 e1 f8 90 4f 38", code => code.LoadMask(1, new Address(Gpr.Rdi, 56)));
        // kmovq k2, [r13]
        Check("c4 c1 f8 90 55 00", code => code.LoadMask(2, new Address(Gpr.R13)));
        // kmovq k7, rcx
        Check("c4 e1 fb 92 f9", code => code.SetMask(7, Gpr.Rcx));
        // kmovq k2, r9
        Check("c4 c1 fb 92 d1", code => code.SetMask(2, Gpr.R9));
        // vmovdqu8 zmm13{k1}{z}, [r11+4]
        Check("62 51 7f c9 6f ab 04 00 00 00", code => code.LoadBytes(13, new Address(Gpr.R11, 4), 1));
        // vmovdqu8 zmm17{k1}{z}, [r11+64]
        Check("62 c1 7f c9 6f 4b 01", code => code.LoadBytes(17, new Address(Gpr.R11, 64), 1));
        // vpermt2w zmm13, zmm21, zmm17
        Check("62 32 d5 40 7d e9", code => code.PermuteWords(13, 21, 17));
        // vpermt2w zmm18, zmm24, [r11+128]
        Check("62 c2 bd 40 7d 53 02", code => code.PermuteWords(18, 24, new Address(Gpr.R11, 128)));
        // vpshufb zmm17, zmm13, zmm21
        Check("62 a2 15 48 00 cd", code => code.ShuffleBytes(17, 13, 21));
        // vpandd zmm8, zmm13, zmm20
        Check("62 31 15 48 db c4", code => code.And(8, 13, 20));
        // vpxord zmm11, zmm11, zmm22
        Check("62 31 25 48 ef de", code => code.Xor(11, 11, 22));
        // vpternlogd zmm12, zmm17, zmm24, 0xf8
        Check("62 13 75 40 25 e0 f8", code => code.OrAnd(12, 17, 24));
        // vpsrlvd zmm12, zmm17, zmm22
        Check("62 32 75 40 45 e6", code => code.ShiftRightEach(12, 17, 22));
        // vpsllvd zmm17, zmm13, zmm22
        Check("62 a2 15 48 47 ce", code => code.ShiftLeftEach(17, 13, 22));
        // vprolvd zmm17, zmm13, zmm26
        Check("62 82 15 48 15 ca", code => code.RotateLeftEach(17, 13, 26));
        // vpaddb zmm8{k2}, zmm8, zmm23
        Check("62 31 3d 4a fc c7", code => code.AddBytes(8, 8, 23, 2));
        // vaddps zmm7{k7}, zmm7, zmm13
        Check("62 d1 44 4f 58 fd", code => code.Add(7, 7, 13, 7));
        // vpdpbusd zmm14, zmm9, [rax+r8*2+64]
        Check("62 32 35 48 50 74 40 01", code => code.DotBytes(14, 9, new Address(Gpr.Rax, 64, Gpr.R8, 2)));
        // vcvtph2ps zmm12, ymm18
        Check("62 32 7d 48 13 e2", code => code.ConvertHalves(12, 18));
        // vpmovsxbd zmm12, [r11+192]
        Check("62 52 7d 48 21 63 0c", code => code.WidenBytes(12, new Address(Gpr.R11, 192)));
        // vbroadcasti32x4 zmm13, [r11+16]
        Check("62 52 7d 48 5a 6b 01", code => code.BroadcastQuarter(13, new Address(Gpr.R11, 16)));
        // vbroadcasti64x4 zmm13, [r11+160]
        Check("62 52 fd 48 5b 6b 05", code => code.BroadcastHalfVector(13, new Address(Gpr.R11, 160)));
        // vpbroadcastw zmm13, [r11+208]
        Check("62 52 7d 48 79 6b 68", code => code.BroadcastWord(13, new Address(Gpr.R11, 208)));
        // vshuff32x4 zmm17, zmm8, zmm9, 0x88
        Check("62 c3 3d 48 23 c9 88", code => code.ChooseBlocks(17, 8, 9, 0x88));
        // vshuff32x4 zmm18, zmm13, [r11+80], 0xdd
        Check("62 c3 15 48 23 93 50 00 00 00 dd", code => code.ChooseBlocks(18, 13, new Address(Gpr.R11, 80), 0xDD));
        // vinserti32x4 zmm12, zmm12, xmm18, 1
        Check("62 33 1d 48 38 e2 01", code => code.InsertBlock(12, 12, 18, 1));
        // vunpcklps zmm14, zmm0, zmm1
        Check("62 71 7c 48 14 f1", code => code.InterleaveLow(14, 0, 1));
        // vunpckhps zmm17, zmm16, zmm17
        Check("62 a1 7c 40 15 c9", code => code.InterleaveHigh(17, 16, 17));
        // vunpcklpd zmm14, zmm0, zmm18
        Check("62 31 fd 48 14 f2", code => code.JoinLow(14, 0, 18));
        // vunpckhpd zmm2, zmm0, zmm2
        Check("62 f1 fd 48 15 d2", code => code.JoinHigh(2, 0, 2));
        // vmovups [r13+16], xmm20
        Check("62 c1 7c 08 11 65 01", code => code.StoreLanes(new Address(Gpr.R13, 16), 20));
        // vextractps [r13+128], xmm20, 1
        Check("62 c3 7d 08 17 65 20 01", code => code.StoreLane(new Address(Gpr.R13, 128), 20, 1));
        // vextractps [r13+896], xmm20, 3
        Check("62 c3 7d 08 17 a5 80 03 00 00 03", code => code.StoreLane(new Address(Gpr.R13, 896), 20, 3));
        // vpextrq rcx, xmm18, 1
        Check("62 e3 fd 08 16 d1 01", code => code.MoveQuadword(Gpr.Rcx, 18, 1));
    }

    [Fact]
    public void General_registers()
    {
        Check("57", code => code.Push(Gpr.Rdi));
        Check("41 54", code => code.Push(Gpr.R12));
        Check("5e", code => code.Pop(Gpr.Rsi));
        Check("41 5f", code => code.Pop(Gpr.R15));
        Check("c3", code => code.Return());
        // mov rdi, rcx; mov r9, rax ({load} forms)
        Check("48 8b f9", code => code.Move(Gpr.Rdi, Gpr.Rcx));
        Check("4c 8b c8", code => code.Move(Gpr.R9, Gpr.Rax));
        // mov rax, [rdi]; mov r8, [rdi+8]; mov r11, [r12+300]
        Check("48 8b 07", code => code.Load(Gpr.Rax, new Address(Gpr.Rdi)));
        Check("4c 8b 47 08", code => code.Load(Gpr.R8, new Address(Gpr.Rdi, 8)));
        Check("4d 8b 9c 24 2c 01 00 00", code => code.Load(Gpr.R11, new Address(Gpr.R12, 300)));
        // lea r9, [r8+r8*2]; lea r10, [r8+r8*4]; lea rdx, [rax+r9*2]
        Check("4f 8d 0c 40", code => code.LoadAddress(Gpr.R9, new Address(Gpr.R8, 0, Gpr.R8, 2)));
        Check("4f 8d 14 80", code => code.LoadAddress(Gpr.R10, new Address(Gpr.R8, 0, Gpr.R8, 4)));
        Check("4a 8d 14 48", code => code.LoadAddress(Gpr.Rdx, new Address(Gpr.Rax, 0, Gpr.R9, 2)));
        // mov rax, 128; mov r10, -2
        Check("48 c7 c0 80 00 00 00", code => code.Set(Gpr.Rax, 128));
        Check("49 c7 c2 fe ff ff ff", code => code.Set(Gpr.R10, -2));
        // add rdx, r8; add r12, rax ({load} forms)
        Check("49 03 d0", code => code.Add(Gpr.Rdx, Gpr.R8));
        Check("4c 03 e0", code => code.Add(Gpr.R12, Gpr.Rax));
        // add r11, 512; add rax, 16; sub rcx, 4; sub rsp, 160; cmp rcx, 100
        Check("49 81 c3 00 02 00 00", code => code.Add(Gpr.R11, 512));
        Check("48 83 c0 10", code => code.Add(Gpr.Rax, 16));
        Check("48 83 e9 04", code => code.Subtract(Gpr.Rcx, 4));
        Check("48 81 ec a0 00 00 00", code => code.Subtract(Gpr.Rsp, 160));
        Check("48 83 f9 64", code => code.Compare(Gpr.Rcx, 100));
        // test rsi, rsi; test r9, rax
        Check("48 85 f6", code => code.Test(Gpr.Rsi, Gpr.Rsi));
        Check("49 85 c1", code => code.Test(Gpr.R9, Gpr.Rax));
    }

    [Fact]
    public void Prefetches_and_the_registers_that_Windows_keeps()
    {
        // prefetcht0 [r11+1024]; prefetcht0 [rax+64]
        Check("41 0f 18 8b 00 04 00 00", code => code.Prefetch(new Address(Gpr.R11, 1024)));
        Check("0f 18 48 40", code => code.Prefetch(new Address(Gpr.Rax, 64)));
        // movups [rsp+32], xmm8; movups [rsp], xmm6; movups xmm15, [rsp+144]
        Check("44 0f 11 44 24 20", code => code.StoreXmm(new Address(Gpr.Rsp, 32), 8));
        Check("0f 11 34 24", code => code.StoreXmm(new Address(Gpr.Rsp), 6));
        Check("44 0f 10 bc 24 90 00 00 00", code => code.LoadXmm(15, new Address(Gpr.Rsp, 144)));
    }

    [Fact]
    public void Jumps_forward_and_back()
    {
        // jnz to 256 bytes behind the end of the jump
        Check("0f 85 00 01 00 00" + string.Concat(Enumerable.Repeat(" 90", 256)), code =>
        {
            var label = new Label();
            code.Jump(Condition.NotZero, label);
            for (int i = 0; i < 256; i++) code.Data([0x90]);
            code.Place(label);
        });
        // a return, then jb, jae, jz and jmp back to it
        Check("c3 0f 82 f9 ff ff ff 0f 83 f3 ff ff ff 0f 84 ed ff ff ff e9 e8 ff ff ff", code =>
        {
            var label = new Label();
            code.Place(label);
            code.Return();
            code.Jump(Condition.Below, label);
            code.Jump(Condition.AboveOrEqual, label);
            code.Jump(Condition.Zero, label);
            code.Jump(label);
        });
        // lea rax, [rip−8] and lea r9, [rip−15]: both name the return
        Check("c3 48 8d 05 f8 ff ff ff 4c 8d 0d f1 ff ff ff", code =>
        {
            var label = new Label();
            code.Place(label);
            code.Return();
            code.LoadAddress(Gpr.Rax, label);
            code.LoadAddress(Gpr.R9, label);
        });
    }

    [Fact]
    public void Tiles()
    {
        // ldtilecfg [rdi]; [rax]; [r11]
        Check("c4 e2 78 49 07", code => code.LoadTileConfiguration(Gpr.Rdi));
        Check("c4 e2 78 49 00", code => code.LoadTileConfiguration(Gpr.Rax));
        Check("c4 c2 78 49 03", code => code.LoadTileConfiguration(Gpr.R11));
        // tilerelease; tilezero tmm0; tilezero tmm5
        Check("c4 e2 78 49 c0", code => code.ReleaseTiles());
        Check("c4 e2 7b 49 c0", code => code.ZeroTile(0));
        Check("c4 e2 7b 49 e8", code => code.ZeroTile(5));
        // tileloadd tmm6, [rdi+rax+0x100]; tileloadd tmm1, [r11+rax] ({disp32} forms)
        Check("c4 e2 7b 4b b4 07 00 01 00 00", code => code.LoadTile(6, Gpr.Rdi, 256));
        Check("c4 c2 7b 4b 8c 03 00 00 00 00", code => code.LoadTile(1, Gpr.R11, 0));
        // tilestored [rdx+rax+0x40], tmm3; tilestored [r9+rax], tmm0 ({disp32} forms)
        Check("c4 e2 7a 4b 9c 02 40 00 00 00", code => code.StoreTile(Gpr.Rdx, 64, 3));
        Check("c4 c2 7a 4b 84 01 00 00 00 00", code => code.StoreTile(Gpr.R9, 0, 0));
        // tdpbf16ps tmm0, tmm4, tmm6; tmm3, tmm5, tmm7; tmm2, tmm5, tmm6
        Check("c4 e2 4a 5c c4", code => code.TileDotBFloat16(0, 4, 6));
        Check("c4 e2 42 5c dd", code => code.TileDotBFloat16(3, 5, 7));
        Check("c4 e2 4a 5c d5", code => code.TileDotBFloat16(2, 5, 6));
        // tdpbssd tmm1, tmm4, tmm7; tdpbsud tmm2, tmm5, tmm6
        Check("c4 e2 43 5e cc", code => code.TileDotSigned(1, 4, 7));
        Check("c4 e2 4a 5e d5", code => code.TileDotSignedUnsigned(2, 5, 6));
    }

    static void Check(string expected, Action<Assembler> emit)
    {
        var code = new Assembler();
        emit(code);
        Assert.Equal(expected, BitConverter.ToString(code.Code.ToArray()).Replace('-', ' ').ToLowerInvariant());
    }
}
