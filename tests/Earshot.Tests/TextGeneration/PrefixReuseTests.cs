using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Tests.TextGeneration;

namespace Earshot.TextGeneration;

/// <summary>Prompts that begin alike pay for the rest alone, and have the bits of prompts that were computed whole.</summary>
public sealed class PrefixReuseTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Formats => ["f32", "bf16", "int8", "int4"];

    [Theory, MemberData(nameof(Formats))]
    public async Task A_prompt_has_its_own_bits_wherever_what_is_kept_ends(string format)
    {
        MadeLanguageModel.WriteRandom(_folder.Path);
        using var whole = new Opened(_folder.Path, format, 0);
        using var keeping = new Opened(_folder.Path, format, 1 << 14);
        var random = new Random(3);
        int[] prompt = [.. Enumerable.Range(0, 1100).Select(_ => random.Next(256))];
        foreach (int common in (int[])[1, 64, 300, 511, 1024, 1090])
        {
            int[] first = [.. prompt[..common], .. Enumerable.Range(0, 30).Select(_ => random.Next(256))];
            await keeping.PromptAsync(first);
            var (expected, none) = await whole.PromptAsync(prompt);
            var (got, reused) = await keeping.PromptAsync(prompt);
            Assert.Equal(0, none);
            Assert.InRange(reused, common, common + 3);
            Assert.Equal(expected, got);
            keeping.Forget();
        }
    }

    [Fact]
    public async Task The_same_prompt_again_computes_its_last_token()
    {
        MadeLanguageModel.WriteRandom(_folder.Path);
        using var model = new Opened(_folder.Path, "f32", 1 << 14);
        int[] prompt = [.. Enumerable.Range(0, 600).Select(i => i * 7 % 256)];
        var (first, none) = await model.PromptAsync(prompt);
        var (second, reused) = await model.PromptAsync(prompt);
        Assert.Equal((0, 599), (none, reused));
        Assert.Equal(first, second);
    }

    [Fact]
    public async Task Prompts_that_are_asked_for_together_share_what_they_begin_with()
    {
        MadeLanguageModel.WriteRandom(_folder.Path);
        using var model = new Opened(_folder.Path, "f32", 1 << 14);
        int[] system = [.. Enumerable.Range(0, 1100).Select(i => i * 11 % 256)];
        var all = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => Task.Run(() => model.PromptAsync([.. system, i, i, i]))));
        // One computes each chunk; the others find it, but for what several began before it was there.
        Assert.InRange(all.Sum(run => run.Reused), 5 * 1024, 5 * 1103);
        using var whole = new Opened(_folder.Path, "f32", 0);
        for (int i = 0; i < all.Length; i++) Assert.Equal((await whole.PromptAsync([.. system, i, i, i])).Logits, all[i].Logits);
    }

    [Fact]
    public async Task What_is_kept_gives_way_to_generations()
    {
        MadeLanguageModel.WriteRandom(_folder.Path);
        // Room for 1,024 positions.
        using var model = new Opened(_folder.Path, "f32", 1 << 14, 1024);
        for (int i = 0; i < 5; i++)
        {
            int start = i;
            int[] prompt = [.. Enumerable.Range(0, 900).Select(at => (at + start * 17) % 256)];
            Assert.Equal(0, (await model.PromptAsync(prompt)).Reused);
            Assert.Equal(899, (await model.PromptAsync(prompt)).Reused);
        }
        await Assert.ThrowsAsync<OverloadedException>(() => model.PromptAsync(new int[1100]));
        Assert.Equal(0, model.Kept);
    }

    [Fact]
    public async Task What_goes_on_after_a_prompt_leaves_what_is_kept_as_it_was()
    {
        MadeLanguageModel.WriteRandom(_folder.Path);
        using var model = new Opened(_folder.Path, "f32", 1 << 14);
        int[] prompt = [.. Enumerable.Range(0, 100).Select(i => i * 3 % 256)];
        var logits = new float[model.Decoder.Shape.VocabSize];
        using var generation = await model.Decoder.BeginAsync(null, 1);
        await generation.PromptAsync(prompt, new[] { 99 }, logits);
        var expected = logits.ToArray();
        for (int i = 0; i < 10; i++) await generation.StepAsync(new[] { i }, logits);
        var (got, reused) = await model.PromptAsync(prompt);
        Assert.Equal(99, reused);
        Assert.Equal(expected, got);
        // And what was generated is not kept: steps have other bits than prompts.
        Assert.Equal(100, (await model.PromptAsync([.. prompt, 0, 1, 2])).Reused);
    }

    sealed class Opened : IDisposable
    {
        readonly ModelWeights _weights;
        readonly CpuDevice _device;
        readonly CpuModelRuntime _runtime;

        public Opened(string path, string format, int prefixes, int? positions = null)
        {
            var folder = new ModelFolder(path);
            var model = ModelFamilies.Open(folder);
            _weights = folder.OpenWeights();
            _device = new CpuDevice(new CpuOptions { Threads = 2, Weights = WeightFormat.Parse(format) });
            _runtime = new CpuModelRuntime(
                model.Parts, model.Prepare(_weights), _device, new() { PrefixPositions = prefixes, CachePositions = positions });
        }

        public DecoderRuntime Decoder => _runtime.RequireDecoder();

        public int Kept => ((CpuDecoderRuntime)Decoder).Prefixes!.Count;

        public async Task<(float[] Logits, int Reused)> PromptAsync(int[] prompt)
        {
            var logits = new float[Decoder.Shape.VocabSize];
            using var generation = await Decoder.BeginAsync(null, 1);
            await generation.PromptAsync(prompt, new[] { prompt.Length - 1 }, logits);
            return (logits, generation.ReusedPositions);
        }

        public void Forget()
        {
            while (((CpuDecoderRuntime)Decoder).Prefixes!.TryGiveUp())
            {
            }
        }

        public void Dispose()
        {
            _runtime.Dispose();
            _device.Dispose();
            _weights.Dispose();
        }
    }
}
