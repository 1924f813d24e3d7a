using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;

namespace Earshot.Tests.Models;

/// <summary>
/// What Whisper base computes, to the last bit, in every weight format: hashes of the encoder's output and of the logits of prompts, steps,
/// beams and alignments. They are the same on every processor that has the instructions, and change only where arithmetic is meant to:
/// the changelog says where. EARSHOT_UPDATE_SNAPSHOTS=1 writes them anew.
/// </summary>
public sealed class WhisperBitsTests
{
    const int Frames = 1100, Rows = 5;

    [Theory]
    [InlineData(InstructionSet.Avx2, "f32")]
    [InlineData(InstructionSet.Avx2, "bf16")]
    [InlineData(InstructionSet.Avx2, "int8")]
    [InlineData(InstructionSet.Avx2, "int4")]
    [InlineData(InstructionSet.Avx2, "nf4")]
    [InlineData(InstructionSet.Portable, "int8")]
    [InlineData(InstructionSet.Avx512, "f32")]
    [InlineData(InstructionSet.Avx512, "bf16")]
    [InlineData(InstructionSet.Avx512, "int8")]
    [InlineData(InstructionSet.Avx512, "int4")]
    [InlineData(InstructionSet.Avx512, "nf4")]
    public void Every_bit_is_what_it_was(InstructionSet set, string format)
    {
        Assert.SkipUnless(Avx2.IsSupported && Fma.IsSupported, "This processor has no AVX2, with which the hashes were made.");
        Assert.SkipUnless(
            set < InstructionSet.Avx512 || ProcessorFeatures.OfThisMachine.HasAvx512Vnni,
            "This processor has no AVX-512 with products of int8, with which the hashes were made.");
        var hashes = Compute(set, WeightFormat.Parse(format, null));
        // Bfloat16 is multiplied directly where that is fast.
        var kind = set < InstructionSet.Avx512 || format == "f32" || Isa.Select(set).HasBf16 ? "" : "-widened";
        var name = $"{set}{kind}-{format}.txt".ToLowerInvariant();
        var file = Path.Combine(TestData.RepositoryRoot, "tests", "goldens", "whisper-bits", name);
        if (Environment.GetEnvironmentVariable("EARSHOT_UPDATE_SNAPSHOTS") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllLines(file, hashes);
        }
        Assert.Equal(File.ReadAllLines(file), hashes);
    }

    static List<string> Compute(InstructionSet set, WeightFormat format)
    {
        using var runtime = WhisperBase.Open(
            new CpuOptions { InstructionSet = set, Weights = format }, new RuntimeLimits { Windows = 1, Rows = Rows });
        var features = WhisperBase.Features(WhisperBase.Samples("jfk.wav")).AsMemory(0, Frames * 80);
        var hashes = new List<string> { Hash("encoder", runtime.EncodeToArray(features, Frames)) };
        using var audio = runtime.Encode(features, Frames);
        using var decoder = runtime.CreateDecoder(audio, Rows);
        int vocabulary = decoder.VocabSize;
        var logits = new float[12 * vocabulary];
        decoder.Start([50361, 400, 50258, 50259, 50359, 50363], [2, 5], logits);
        hashes.Add(Hash("prompt", logits.AsSpan(0, 2 * vocabulary)));
        int[][] parents = [[0, 0, 1, 1, 4], [2, 1, 0, 3, 3], [0, 1, 2, 3, 4], [4, 4, 4, 4, 4]];
        for (int step = 0; step < parents.Length; step++)
        {
            decoder.Step([400, 370, 452, 7177 + step, 6280], logits);
            hashes.Add(Hash($"step {step}", logits.AsSpan(0, Rows * vocabulary)));
            decoder.Reorder(parents[step]);
        }
        decoder.Truncate(8);
        decoder.Extend([11, 456, 390], logits);
        hashes.Add(Hash("extended", logits.AsSpan(0, 3 * vocabulary)));
        var attention = decoder.Align([50258, 50259, 50359, 50363, 400, 370, 452, 7177, 6280, 11, 456, 50257], logits);
        hashes.Add(Hash("attention", attention));
        hashes.Add(Hash("aligned", logits.AsSpan(0, 12 * vocabulary)));
        return hashes;
    }

    static string Hash(string what, ReadOnlySpan<float> values) =>
        $"{what}: {Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(values)))[..32]}";
}
