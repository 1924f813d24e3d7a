using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Tests.Cpu;

public sealed class PagedAttentionTests
{
    public static TheoryData<InstructionSet, KeyValueFormat> Pasts
    {
        get
        {
            var data = new TheoryData<InstructionSet, KeyValueFormat>();
            foreach (var set in Enum.GetValues<InstructionSet>().Where(set => KernelSet.For(set).Isa.Set == set))
            {
                foreach (var format in Enum.GetValues<KeyValueFormat>()) data.Add(set, format);
            }
            return data;
        }
    }

    [Theory, MemberData(nameof(Pasts))]
    public void Steps_match_float64_over_every_page(InstructionSet set, KeyValueFormat format)
    {
        foreach (var (heads, size) in new[] { (new Heads(1), 8), (new Heads(6, 2), 20), (new Heads(4, 1, true, 70), 64) })
        {
            using var sequences = new PagedSequences(Options(set, format), heads, size);
            var outputs = sequences.Fresh(sequence: 1, count: 200, out _);
            foreach (int position in (int[])[0, 1, 62, 63, 64, 65, 130, 199])
            {
                AssertClose(sequences.Reference(1, position), outputs[position], format);
            }
        }
    }

    [Theory, MemberData(nameof(Pasts))]
    public void A_row_has_the_same_bits_alone_and_in_any_company(InstructionSet set, KeyValueFormat format)
    {
        foreach (var (heads, size) in new[] { (new Heads(4), 64), (new Heads(6, 2), 20), (new Heads(4, 2, true, 50), 32) })
        {
            using var sequences = new PagedSequences(Options(set, format), heads, size);
            var alone = Enumerable.Range(0, 3).Select(sequence => sequences.Fresh(sequence, 140, out int row)).ToArray();
            int[] rows = [sequences.Pages.AddRow(), sequences.Pages.AddRow(), sequences.Pages.AddRow()];
            // The others begin later, and one steps through two positions at once.
            for (int step = 0; step < 100; step++)
            {
                var tokens = new List<(int, int, int)> { (rows[0], 0, step) };
                if (step >= 10) tokens.Add((rows[1], 1, step - 10));
                if (step >= 20) tokens.AddRange([(rows[2], 2, 2 * (step - 20)), (rows[2], 2, 2 * (step - 20) + 1)]);
                if (step >= 90) tokens.RemoveRange(2, 2);
                var outputs = sequences.Step(tokens.ToArray());
                for (int t = 0; t < tokens.Count; t++) Assert.Equal(alone[tokens[t].Item2][tokens[t].Item3], outputs[t]);
            }
        }
    }

    [Theory, MemberData(nameof(Pasts))]
    public void A_query_head_has_the_same_bits_in_a_group_as_with_keys_of_its_own(InstructionSet set, KeyValueFormat format)
    {
        const int size = 20, positions = 70;
        using var device = new CpuDevice(Options(set, format));
        using var backend = new CpuBackend(device);
        var (grouped, own) = (new Heads(4, 2), new Heads(4));
        var (groupedPages, ownPages) = (new PageTable(2), new PageTable(2));
        using var groupedCache = backend.CreateCache(groupedPages, 2 * size, grouped);
        using var ownCache = backend.CreateCache(ownPages, 4 * size, own);
        groupedPages.Grow(groupedPages.AddRow(), positions);
        ownPages.Grow(ownPages.AddRow(), positions);
        var layout = new BatchLayout();
        for (int p = 0; p < positions; p++) layout.Add(0, p, 0);
        float[] q = Sequence(0, 4 * size), k = Sequence(1, 2 * size), v = Sequence(2, 2 * size);
        var expected = backend.AttentionWithCache(Input(q, 4), Input(Repeated(k), 4), Input(Repeated(v), 4), ownCache, layout, own);
        var output = backend.AttentionWithCache(Input(q, 4), Input(k, 2), Input(v, 2), groupedCache, layout, grouped);
        Assert.Equal(CpuBackend.Read(expected).ToArray(), CpuBackend.Read(output).ToArray());

        Tensor Input(float[] values, int heads) => backend.Input(values, new Shape(positions, heads * size));

        static float[] Sequence(int kind, int width) =>
            [.. Enumerable.Range(0, positions).SelectMany(p => PagedSequences.Values(1, p, kind, width))];

        static float[] Repeated(float[] values) => [.. values.Chunk(size).SelectMany(head => head.Concat(head))];
    }

    [Theory, MemberData(nameof(Pasts))]
    public void A_shared_prefix_gives_the_bits_of_a_fresh_one(InstructionSet set, KeyValueFormat format)
    {
        const int shared = 70, length = 140;
        using var sequences = new PagedSequences(Options(set, format), new Heads(4, 2), 20);
        var fresh = sequences.Fresh(1, length, out _);
        _ = sequences.Fresh(1, shared, out int parent);
        int[] rows = [sequences.Pages.AddRow(), sequences.Pages.AddRow()];
        foreach (int row in rows) sequences.Pages.Share(row, parent, shared);
        sequences.Pages.Reorder(rows, [rows[1], rows[0]], shared);
        int used = sequences.Pages.UsedPages;
        for (int position = shared; position < length; position++)
        {
            // The parent goes another way in the same steps.
            var outputs = sequences.Step((parent, 2, position), (rows[0], 1, position), (rows[1], 1, position));
            Assert.Equal(fresh[position], outputs[1]);
            Assert.Equal(fresh[position], outputs[2]);
            Assert.NotEqual(fresh[position], outputs[0]);
        }
        Assert.Equal(used + 2 + 3, sequences.Pages.UsedPages); // two copies, and a page each
    }

    [Theory, MemberData(nameof(Pasts))]
    public void What_grows_again_after_truncation_is_as_if_it_had_never_been_longer(InstructionSet set, KeyValueFormat format)
    {
        using var sequences = new PagedSequences(Options(set, format), new Heads(4, 2), 20);
        var fresh = sequences.Fresh(1, 150, out _);
        foreach (int kept in (int[])[0, 1, 63, 64, 70, 128])
        {
            int row = sequences.Pages.AddRow(), other = sequences.Pages.AddRow();
            for (int position = 0; position < 140; position++) _ = sequences.Step((row, position < kept ? 1 : 2, position));
            sequences.Pages.Share(other, row, 140); // the last page that is kept is shared when it is written again
            sequences.Pages.Truncate(row, kept);
            for (int position = kept; position < 150; position++) Assert.Equal(fresh[position], sequences.Step((row, 1, position))[0]);
            sequences.Pages.RemoveRow(row);
            sequences.Pages.RemoveRow(other);
        }
    }

    [Theory, MemberData(nameof(Pasts))]
    public void Memory_is_within_a_twentieth_of_what_the_positions_need(InstructionSet set, KeyValueFormat format)
    {
        const int size = 64, positions = 4096, keyHeads = 2;
        int budget = PageTable.PagesFor(32768);
        using var sequences = new PagedSequences(Options(set, format), new Heads(4, keyHeads), size, budget);
        Assert.Equal(0, sequences.Cache.Bytes);
        int bytes = format switch { KeyValueFormat.F32 => 4 * size, KeyValueFormat.BF16 => 2 * size, _ => size + sizeof(float) };
        double each = 2.0 * keyHeads * bytes;
        int row = sequences.Pages.AddRow();
        for (int first = 0, end; first < positions; first = end)
        {
            end = BatchLayout.ChunkEnd(first, positions);
            _ = sequences.Prompt((row, 1, first, end - first));
        }
        Assert.InRange(sequences.Cache.Bytes / (positions * each), 1, 1.05);

        // A second row that continues the first costs its own tokens only; what ends is freed.
        int second = sequences.Pages.AddRow();
        sequences.Pages.Share(second, row, positions);
        _ = sequences.Step((second, 2, positions));
        Assert.InRange(sequences.Cache.Bytes / ((positions + 64) * each), 1, 1.05);
        sequences.Pages.RemoveRow(second);
        sequences.Pages.Truncate(row, 2048);
        _ = sequences.Prompt((row, 1, 2048, 64));
        Assert.InRange(sequences.Cache.Bytes / (2112 * each), 1, 1.1);
    }

    [Fact]
    public void Positions_without_room_and_pages_of_others_are_not_written()
    {
        using var device = new CpuDevice();
        using var backend = new CpuBackend(device);
        var pages = new PageTable(4);
        int row = pages.AddRow(), other = pages.AddRow();
        using var cache = backend.CreateCache(pages, 8, new Heads(2));
        Assert.Throws<ModelException>(() => Step(row, 0)); // nobody grew it
        pages.Grow(row, 1);
        Step(row, 0);
        pages.Share(other, row, 1);
        Assert.Contains("other rows have too", Assert.Throws<ModelException>(() => Step(row, 0)).Message, StringComparison.Ordinal);
        Assert.Throws<ModelException>(() => backend.CreateCache(pages, 9, new Heads(2)));
        Assert.Throws<ModelException>(() => Attend(Input(4), Layout(row, 0), new Heads(2, 1)));

        void Step(int at, int position) => Attend(Input(8), Layout(at, position), new Heads(2));

        void Attend(Tensor key, BatchLayout layout, Heads heads) => backend.AttentionWithCache(Input(8), key, key, cache, layout, heads);

        Tensor Input(int width) => backend.Input(new float[width], new Shape(1, width));

        static BatchLayout Layout(int at, int position)
        {
            var layout = new BatchLayout();
            layout.Add(at, position, 0);
            return layout;
        }
    }

    internal static CpuOptions Options(InstructionSet set, KeyValueFormat format) => new()
    {
        Threads = 2,
        InstructionSet = set,
        // Attention within prompts follows the weights.
        Weights = WeightFormat.Parse(format.ToString(), null),
        Past = format,
    };

    /// <summary>Of values up to 1: what rounding keys and values to a format may move an output by.</summary>
    internal static void AssertClose(double[] expected, float[] output, KeyValueFormat format)
    {
        double tolerance = format switch { KeyValueFormat.F32 => 1e-5, KeyValueFormat.BF16 => 2e-2, _ => 3e-2 };
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], output[i], tolerance);
    }
}
