using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>Prompts, whose attention is computed in blocks, against steps and against themselves cut differently.</summary>
public sealed unsafe class PromptAttentionTests
{
    public static TheoryData<InstructionSet, KeyValueFormat> Pasts => PagedAttentionTests.Pasts;

    static (Heads, int)[] Shapes =>
        [(new Heads(2), 64), (new Heads(4, 2), 20), (new Heads(3, 1, true, 100), 33), (new Heads(2, 1, true, 300), 32)];

    [Theory, MemberData(nameof(Pasts))]
    public void Prompts_match_float64(InstructionSet set, KeyValueFormat format)
    {
        foreach (var (heads, size) in Shapes)
        {
            using var sequences = new PagedSequences(PagedAttentionTests.Options(set, format), heads, size);
            var outputs = sequences.Prompt((sequences.Pages.AddRow(), 1, 0, 620));
            foreach (int position in (int[])[0, 1, 63, 64, 99, 100, 255, 256, 300, 355, 356, 511, 512, 619])
            {
                PagedAttentionTests.AssertClose(sequences.Reference(1, position), outputs[position], format);
            }
        }
    }

    [Theory, MemberData(nameof(MatrixProductTests.Sets), MemberType = typeof(MatrixProductTests))]
    public void A_prompt_in_chunks_gives_what_steps_give(InstructionSet set)
    {
        const int length = 600;
        foreach (var (heads, size) in Shapes)
        {
            using var sequences = new PagedSequences(PagedAttentionTests.Options(set, KeyValueFormat.F32), heads, size);
            var steps = sequences.Fresh(1, length + 1, out _);
            int row = sequences.Pages.AddRow();
            for (int first = 0; first < length; first = BatchLayout.ChunkEnd(first, length))
            {
                var chunk = sequences.Prompt((row, 1, first, BatchLayout.ChunkEnd(first, length) - first));
                for (int i = 0; i < chunk.Length; i++) AssertRelative(steps[first + i], chunk[i], 1e-5);
            }
            // Steps continue over what the prompt wrote: the keys and values themselves are the same.
            Assert.Equal(steps[length], sequences.Step((row, 1, length))[0]);
        }
    }

    [Theory, MemberData(nameof(Pasts))]
    public void A_token_of_a_prompt_has_the_same_bits_in_any_chunk_and_company(InstructionSet set, KeyValueFormat format)
    {
        const int length = 600;
        foreach (var (heads, size) in Shapes)
        {
            using var sequences = new PagedSequences(PagedAttentionTests.Options(set, format), heads, size);
            var whole = sequences.Prompt((sequences.Pages.AddRow(), 1, 0, length));
            int row = sequences.Pages.AddRow(), other = sequences.Pages.AddRow(), first = 0;
            foreach (int count in (int[])[1, 55, 64, 136, 256, 88])
            {
                // Another's prompt before or behind it.
                bool before = first % 2 == 0;
                var outputs = before
                    ? sequences.Prompt((other, 2, 0, 33), (row, 1, first, count))
                    : sequences.Prompt((row, 1, first, count), (other, 2, 0, 33));
                for (int i = 0; i < count; i++) Assert.Equal(whole[first + i], outputs[i + (before ? 33 : 0)]);
                first += count;
                sequences.Pages.Truncate(other, 0);
            }
            Assert.Equal(length, first);
        }
    }

    [Theory, MemberData(nameof(Pasts))]
    public void A_prompt_after_a_shared_prefix_has_the_bits_of_a_fresh_one(InstructionSet set, KeyValueFormat format)
    {
        const int length = 400, shared = 150;
        using var sequences = new PagedSequences(PagedAttentionTests.Options(set, format), new Heads(4, 2), 20);
        int parent = sequences.Pages.AddRow(), row = sequences.Pages.AddRow();
        var fresh = sequences.Prompt((parent, 1, 0, length));
        sequences.Pages.Share(row, parent, shared);
        var outputs = sequences.Prompt((row, 1, shared, length - shared));
        for (int i = 0; i < outputs.Length; i++) Assert.Equal(fresh[shared + i], outputs[i]);
    }

    [Theory, MemberData(nameof(MatrixProductTests.Sets), MemberType = typeof(MatrixProductTests))]
    public void Attention_within_sequences_sees_no_further_back_than_its_window(InstructionSet set)
    {
        const int time = 600, size = 20;
        foreach (int window in (int[])[1, 40, 256, 300, 1000])
        {
            var options = PagedAttentionTests.Options(set, KeyValueFormat.F32);
            using var sequences = new PagedSequences(options, new Heads(2, 1, true, window), size, 1);
            using var device = new CpuDevice(options);
            using var backend = new CpuBackend(device);
            var output = CpuBackend.Read(backend.Attention(Input(0, 2), Input(1, 1), Input(2, 1), sequences.Heads)).ToArray();
            for (int position = 0; position < time; position += 37)
            {
                var own = output[(position * 2 * size)..((position + 1) * 2 * size)];
                PagedAttentionTests.AssertClose(sequences.Reference(1, position), own, KeyValueFormat.F32);
            }
            Assert.Throws<ModelException>(() => backend.Attention(Input(0, 2), Input(1, 1), Input(2, 1), new Heads(2, 1, false, window)));

            Tensor Input(int kind, int heads)
            {
                var values = Enumerable.Range(0, time).SelectMany(p => PagedSequences.Values(1, p, kind, heads * size));
                return backend.Input(values.ToArray(), new Shape(1, time, heads * size));
            }
        }
    }

    [Fact]
    public void Steps_and_prompts_are_not_mixed()
    {
        var layout = new BatchLayout();
        layout.AddPrompt(0, 0, 3);
        Assert.Throws<ModelException>(() => layout.Add(1, 0, 0));
        Assert.Throws<ModelException>(() => layout.AddPrompt(0, 3, 1));
        layout.Clear();
        layout.Add(1, 0, 0);
        Assert.Throws<ModelException>(() => layout.AddPrompt(0, 0, 3));
        int[] ends =
        [
            BatchLayout.ChunkEnd(0, 5000), BatchLayout.ChunkEnd(511, 5000), BatchLayout.ChunkEnd(512, 700), BatchLayout.ChunkEnd(600, 5000),
        ];
        Assert.Equal([512, 512, 700, 1024], ends);
    }

    [Theory, MemberData(nameof(Pasts))]
    public void Steps_and_prompts_allocate_nothing_after_the_first(InstructionSet set, KeyValueFormat format)
    {
        const int size = 32, chunk = 80;
        var heads = new Heads(4, 2);
        using var device = new CpuDevice(PagedAttentionTests.Options(set, format));
        using var q = NativeFloats.Random(chunk * heads.Query * size, 1);
        using var output = new NativeFloats(q.Length);
        var pages = new PageTable(16);
        using var cache = new CpuKeyValueCache(pages, heads.KeyValue * size, heads, device.Past);
        int row = pages.AddRow(), beam = pages.AddRow();
        var layout = new BatchLayout();
        for (int i = 0; i < 20; i++) RunAll();
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (int i = 0; i < 20; i++) RunAll();
        }));

        void RunAll()
        {
            pages.Truncate(row, 0);
            pages.Grow(row, chunk);
            layout.Clear();
            layout.AddPrompt(row, 0, chunk);
            Attend();
            for (int position = chunk; position < chunk + 60; position++)
            {
                layout.Clear();
                Share();
                Step(row, position);
                Step(beam, position);
                Attend();
            }
        }

        void Share() => pages.Share(beam, row, pages.Length(row));

        void Step(int of, int position)
        {
            if (pages.Grow(of, position + 1) is { } copy) cache.CopyPage(copy);
            layout.Add(of, position, 0);
        }

        void Attend() => Attention.Run(device.Workers, new CachedAttentionCall
        {
            Q = q.Pointer,
            K = q.Pointer,
            V = q.Pointer,
            Output = output.Pointer,
            HeadSize = size,
            Heads = heads,
            Layout = layout,
            Cache = cache,
            Kernel = device.AttentionKernel,
        });
    }

    static void AssertRelative(float[] expected, float[] output, double tolerance)
    {
        double largest = expected.Max(Math.Abs);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], output[i], tolerance * largest);
    }
}
