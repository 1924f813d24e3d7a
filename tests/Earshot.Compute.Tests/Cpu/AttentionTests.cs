using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Tests.Cpu;

public sealed unsafe class AttentionTests
{
    public static TheoryData<InstructionSet, WeightFormat> Devices
    {
        get
        {
            var data = new TheoryData<InstructionSet, WeightFormat>();
            foreach (var set in Enum.GetValues<InstructionSet>().Where(set => KernelSet.For(set).Isa.Set == set))
            {
                data.Add(set, WeightFormat.F32);
                data.Add(set, WeightFormat.BF16);
                data.Add(set, WeightFormat.Int8);
            }
            return data;
        }
    }

    [Theory, MemberData(nameof(Devices))]
    public void Attention_within_sequences_matches_float64(InstructionSet set, WeightFormat format)
    {
        using var device = Device(set, format);
        foreach (var (batch, time, size, heads) in new[]
        {
            (1, 1, 8, new Heads(1)), (2, 33, 64, new Heads(2)), (1, 70, 20, new Heads(4, 2, true)), (1, 300, 64, new Heads(2, 1)),
            (1, 300, 80, new Heads(1, 1, true)), (2, 57, 32, new Heads(1, 1, true)), (1, 530, 33, new Heads(1)),
        })
        {
            CheckSequences(device, batch, time, size, heads);
        }
    }

    [Theory, MemberData(nameof(Devices))]
    public void A_position_has_the_same_bits_whatever_comes_after_it(InstructionSet set, WeightFormat format)
    {
        const int size = 64, time = 200;
        using var device = Device(set, format);
        using var q = NativeFloats.Random(time * size, 1);
        using var k = NativeFloats.Random(time * size, 2);
        using var v = NativeFloats.Random(time * size, 3);
        using var whole = new NativeFloats(time * size);
        using var start = new NativeFloats(time * size);
        var call = new AttentionCall
        {
            Q = q.Pointer,
            K = k.Pointer,
            V = v.Pointer,
            Output = whole.Pointer,
            Batch = 1,
            Time = time,
            HeadSize = size,
            Heads = new Heads(1, 1, true),
            Kernel = device.AttentionKernel,
        };
        Attention.Run(device.Workers, call);
        foreach (int length in (int[])[1, 2, 31, 56, 57, 150])
        {
            call.Output = start.Pointer;
            call.Time = length;
            Attention.Run(device.Workers, call);
            Assert.True(start.Span[..(length * size)].SequenceEqual(whole.Span[..(length * size)]), $"the first {length} positions differ");
        }
    }

    [Theory, MemberData(nameof(Devices))]
    public void Attention_over_memory_matches_float64_and_each_token_is_as_if_alone(InstructionSet set, WeightFormat format)
    {
        const int slots = 2, size = 64;
        var heads = new Heads(4, 2);
        using var device = Device(set, format);
        foreach (int positions in (int[])[1, 31, 150, 257, 300])
        {
            int width = size * heads.KeyValue;
            using var memory = new CpuCrossAttentionMemory(slots, 300, width, heads, device);
            using var k = NativeFloats.Random(slots * positions * width, 1);
            using var v = NativeFloats.Random(slots * positions * width, 2);
            for (int slot = 0; slot < slots; slot++)
                memory.Store(slot, positions, k.Pointer + slot * positions * width, v.Pointer + slot * positions * width);
            var layout = new BatchLayout();
            foreach (int slot in (int[])[0, 0, 1, 1, 1, 0]) layout.Add(layout.Count, 0, slot);
            using var q = NativeFloats.Random(layout.Count * size * heads.Query, 3);
            using var output = new NativeFloats(q.Length);
            var call = new MemoryAttentionCall
            {
                Q = q.Pointer,
                Output = output.Pointer,
                HeadSize = size,
                Heads = heads,
                Layout = layout,
                Memory = memory,
            };
            Attention.Run(device.Workers, call);
            output.AssertGuard();

            int[] selected = [3, 0];
            var weights = new float[layout.Count * selected.Length * positions];
            Attention.Weights(device.Workers, call, selected, weights);
            for (int t = 0; t < layout.Count; t++)
            {
                for (int head = 0; head < heads.Query; head++)
                {
                    int offset = layout.Slots[t] * positions * width + head / 2 * size;
                    var head64 = new HeadReference(
                        q.Span.Slice((t * heads.Query + head) * size, size), k.Span[offset..], v.Span[offset..], width, positions);
                    head64.AssertOutput(output.Span.Slice((t * heads.Query + head) * size, size), memory.Layout.Type);
                    int index = Array.IndexOf(selected, head);
                    if (index >= 0)
                        head64.AssertWeights(weights.AsSpan((t * selected.Length + index) * positions, positions), memory.Layout.Type);
                }
            }
            AssertEachAlone(device, call, output);
        }
    }

    /// <summary>
    /// Keys with much in common, as trained ones have, and scores that pick out a few: the root of the mean square error, relative to the
    /// output's own.
    /// </summary>
    [Theory, MemberData(nameof(MatrixProductTests.Sets), MemberType = typeof(MatrixProductTests))]
    public void Attention_over_int8_memory_loses_little(InstructionSet set)
    {
        const int positions = 1500, size = 64;
        var heads = new Heads(1);
        using var device = Device(set, WeightFormat.Int8);
        using var memory = new CpuCrossAttentionMemory(1, positions, size, heads, device);
        using var q = NativeFloats.Random(8 * size, 1);
        using var k = NativeFloats.Random(positions * size, 2);
        using var v = NativeFloats.Random(positions * size, 3);
        for (int i = 0; i < q.Length; i++) q.Span[i] *= 8;
        for (int i = 0; i < k.Length; i++) k.Span[i] += i % size % 7 - 3;
        memory.Store(0, positions, k.Pointer, v.Pointer);
        var layout = new BatchLayout();
        for (int t = 0; t < 8; t++) layout.Add(t, 0, 0);
        using var output = new NativeFloats(q.Length);
        Attention.Run(device.Workers, new MemoryAttentionCall
        {
            Q = q.Pointer,
            Output = output.Pointer,
            HeadSize = size,
            Heads = heads,
            Layout = layout,
            Memory = memory,
        });
        AssertLosesLittle(q.Span, k.Span, v.Span, output.Span, size);
    }

    /// <summary>The same within a sequence, of which every query sees all.</summary>
    [Theory, MemberData(nameof(MatrixProductTests.Sets), MemberType = typeof(MatrixProductTests))]
    public void Attention_to_int8_keys_loses_little(InstructionSet set)
    {
        const int time = 1500, size = 64;
        using var device = Device(set, WeightFormat.Int8);
        using var q = NativeFloats.Random(time * size, 1);
        using var k = NativeFloats.Random(time * size, 2);
        using var v = NativeFloats.Random(time * size, 3);
        using var output = new NativeFloats(q.Length);
        for (int i = 0; i < q.Length; i++) q.Span[i] *= 8;
        for (int i = 0; i < k.Length; i++) k.Span[i] += i % size % 7 - 3;
        Attention.Run(device.Workers, new AttentionCall
        {
            Q = q.Pointer,
            K = k.Pointer,
            V = v.Pointer,
            Output = output.Pointer,
            Batch = 1,
            Time = time,
            HeadSize = size,
            Heads = new Heads(1),
            Kernel = device.AttentionKernel,
            KeyKernel = device.KeyKernel,
        });
        AssertLosesLittle(q.Span[..(8 * size)], k.Span, v.Span, output.Span, size);
    }

    [Theory, MemberData(nameof(Devices))]
    public void Attention_with_a_cache_matches_float64_after_beams_are_reordered(InstructionSet set, WeightFormat format)
    {
        const int rows = 3, size = 20, steps = 70;
        var heads = new Heads(4, 2);
        int width = size * heads.KeyValue;
        using var device = Device(set, format);
        var pages = new PageTable(2 * rows);
        for (int r = 0; r < rows; r++) pages.AddRow();
        using var cache = new CpuKeyValueCache(pages, width, heads, device.Past);
        var keys = new List<float>[rows];
        var values = new List<float>[rows];
        for (int r = 0; r < rows; r++) (keys[r], values[r]) = ([], []);
        var layout = new BatchLayout();
        for (int step = 0; step < steps; step++)
        {
            using var q = NativeFloats.Random(rows * size * heads.Query, 3 * step);
            using var k = NativeFloats.Random(rows * width, 3 * step + 1);
            using var v = NativeFloats.Random(rows * width, 3 * step + 2);
            using var output = new NativeFloats(q.Length);
            layout.Clear();
            for (int r = 0; r < rows; r++)
            {
                layout.Add(r, step, 0);
                if (pages.Grow(r, step + 1) is { } copy) cache.CopyPage(copy);
                keys[r].AddRange(k.Span.Slice(r * width, width));
                values[r].AddRange(v.Span.Slice(r * width, width));
            }
            Attention.Run(device.Workers, new CachedAttentionCall
            {
                Q = q.Pointer,
                K = k.Pointer,
                V = v.Pointer,
                Output = output.Pointer,
                HeadSize = size,
                Heads = heads,
                Layout = layout,
                Cache = cache,
            });
            for (int r = 0; r < rows; r++)
            {
                for (int head = 0; head < heads.Query; head++)
                {
                    var reference = new HeadReference(
                        q.Span.Slice((r * heads.Query + head) * size, size), keys[r].ToArray().AsSpan(head / 2 * size),
                        values[r].ToArray().AsSpan(head / 2 * size), width, step + 1);
                    var held = cache.Layout.Format == KeyValueFormat.BF16 ? PanelType.BF16 : PanelType.F32;
                    reference.AssertOutput(output.Span.Slice((r * heads.Query + head) * size, size), held);
                }
            }
            int[] parents = [(step + 1) % rows, step % rows, 2];
            pages.Reorder([0, 1, 2], parents, step + 1);
            (keys, values) = (Reordered(keys, parents), Reordered(values, parents));
        }
    }

    [Theory, MemberData(nameof(Devices))]
    public void Calls_allocate_nothing_after_the_first(InstructionSet set, WeightFormat format)
    {
        const int size = 32, time = 100;
        using var device = Device(set, format);
        using var q = NativeFloats.Random(time * size, 1);
        using var output = new NativeFloats(time * size);
        using var memory = new CpuCrossAttentionMemory(1, time, size, new Heads(1), device);
        var pages = new PageTable(2);
        pages.Grow(pages.AddRow(), time);
        using var cache = new CpuKeyValueCache(pages, size, new Heads(1), device.Past);
        using var weights = PackedMatrix.Pack(ArraySource.Random(size, size, 1), format, device.Workers);
        var layout = new BatchLayout();
        layout.Add(0, 0, 0);
        for (int i = 0; i < 50; i++) RunAll();
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (int i = 0; i < 50; i++) RunAll();
        }));

        void RunAll()
        {
            var heads = new Heads(1);
            Attention.Run(device.Workers, new AttentionCall
            {
                Q = q.Pointer,
                K = q.Pointer,
                V = q.Pointer,
                Output = output.Pointer,
                Batch = 1,
                Time = time,
                HeadSize = size,
                Heads = heads,
                Kernel = device.AttentionKernel,
                KeyKernel = device.KeyKernel,
            });
            memory.Store(0, time, q.Pointer, q.Pointer);
            Attention.Run(device.Workers, new MemoryAttentionCall
            {
                Q = q.Pointer,
                Output = output.Pointer,
                HeadSize = size,
                Heads = heads,
                Layout = layout,
                Memory = memory,
            });
            Attention.Run(device.Workers, new CachedAttentionCall
            {
                Q = q.Pointer,
                K = q.Pointer,
                V = q.Pointer,
                Output = output.Pointer,
                HeadSize = size,
                Heads = heads,
                Layout = layout,
                Cache = cache,
            });
            MatrixProduct.Run(
                device.Workers,
                new LinearCall { X = q.Pointer, XStride = size, Rows = time, Weights = weights, Y = output.Pointer, YStride = size });
        }
    }

    static CpuDevice Device(InstructionSet set, WeightFormat format) =>
        new(new CpuOptions { Threads = 2, InstructionSet = set, Weights = format });

    static List<float>[] Reordered(List<float>[] rows, int[] parents) => [.. parents.Select(parent => new List<float>(rows[parent]))];

    static void CheckSequences(CpuDevice device, int batch, int time, int size, Heads heads)
    {
        int width = size * heads.Query, keyWidth = size * heads.KeyValue, group = heads.Query / heads.KeyValue;
        using var q = NativeFloats.Random(batch * time * width, 1);
        using var k = NativeFloats.Random(batch * time * keyWidth, 2);
        using var v = NativeFloats.Random(batch * time * keyWidth, 3);
        using var output = new NativeFloats(q.Length);
        Attention.Run(device.Workers, new AttentionCall
        {
            Q = q.Pointer,
            K = k.Pointer,
            V = v.Pointer,
            Output = output.Pointer,
            Batch = batch,
            Time = time,
            HeadSize = size,
            Heads = heads,
            Kernel = device.AttentionKernel,
            KeyKernel = device.KeyKernel,
        });
        output.AssertGuard();
        var roughest = heads.Causal ? device.AttentionKernel : device.KeyKernel ?? device.AttentionKernel;
        for (int row = 0; row < batch * time; row += time > 100 ? 7 : 1)
        {
            for (int head = 0; head < heads.Query; head++)
            {
                int start = row / time * time * keyWidth + head / group * size;
                var reference = new HeadReference(
                    q.Span.Slice(row * width + head * size, size), k.Span[start..], v.Span[start..], keyWidth,
                    heads.Causal ? row % time + 1 : time);
                var tolerated = roughest.Type == PanelType.Int16 ? PanelType.BF16 : roughest.Type;
                reference.AssertOutput(output.Span.Slice(row * width + head * size, size), tolerated);
            }
        }
    }

    static void AssertEachAlone(CpuDevice device, MemoryAttentionCall call, NativeFloats together)
    {
        int width = call.HeadSize * call.Heads.Query;
        using var alone = new NativeFloats(width);
        for (int t = 0; t < call.Layout.Count; t++)
        {
            var layout = new BatchLayout();
            layout.Add(0, 0, call.Layout.Slots[t]);
            var single = call;
            single.Layout = layout;
            single.Q = call.Q + t * width;
            single.Output = alone.Pointer;
            Attention.Run(device.Workers, single);
            Assert.True(alone.Span.SequenceEqual(together.Span.Slice(t * width, width)), $"token {t} alone differs");
        }
    }

    /// <summary>
    /// One query's attention in float64. A score is off by at most δ = (size + 2)·ε·Σ|q·k|/√size, with the operands' own rounding
    /// besides, a probability by a factor of 2δ, and the output by that of the largest value.
    /// </summary>
    sealed class HeadReference
    {
        readonly double[] _weights;
        readonly double[] _output;
        readonly double _scoreMagnitude;
        readonly double _queryMagnitude;
        readonly double _largestKey;
        readonly double _largestValue;
        readonly int _size;

        public HeadReference(ReadOnlySpan<float> q, ReadOnlySpan<float> k, ReadOnlySpan<float> v, int stride, int positions)
        {
            _size = q.Length;
            _weights = new double[positions];
            _output = new double[_size];
            foreach (float value in q) _queryMagnitude += Math.Abs(value) / Math.Sqrt(_size);
            for (int p = 0; p < positions; p++)
            {
                double score = 0, magnitude = 0;
                for (int i = 0; i < _size; i++)
                {
                    score += (double)q[i] * k[p * stride + i];
                    magnitude += Math.Abs((double)q[i] * k[p * stride + i]);
                    _largestKey = Math.Max(_largestKey, Math.Abs(k[p * stride + i]));
                    _largestValue = Math.Max(_largestValue, Math.Abs(v[p * stride + i]));
                }
                _weights[p] = score / Math.Sqrt(_size);
                _scoreMagnitude = Math.Max(_scoreMagnitude, magnitude / Math.Sqrt(_size));
            }
            double largest = _weights.Max();
            for (int p = 0; p < positions; p++) _weights[p] = Math.Exp(_weights[p] - largest);
            double total = _weights.Sum();
            for (int p = 0; p < positions; p++)
            {
                _weights[p] /= total;
                for (int i = 0; i < _size; i++) _output[i] += _weights[p] * v[p * stride + i];
            }
        }

        public ReadOnlySpan<double> Output => _output;

        public void AssertOutput(ReadOnlySpan<float> output, PanelType held)
        {
            double tolerance = 2 * ScoreError(held)
                + held switch { PanelType.BF16 => 2.0 / 256, PanelType.Int8 => Int8Step * _largestValue, _ => 0 }
                + (_weights.Length + 8) / 16777216.0;
            for (int i = 0; i < _size; i++) Assert.Equal(_output[i], output[i], tolerance);
        }

        public void AssertWeights(ReadOnlySpan<float> weights, PanelType held)
        {
            double relative = 2 * ScoreError(held) + (_weights.Length + 8) / 16777216.0;
            for (int p = 0; p < _weights.Length; p++) Assert.Equal(_weights[p], weights[p], relative * _weights[p]);
        }

        // Half an int8 step of the largest magnitude, and what 15 bits of the other factor leave.
        const double Int8Step = 1.0 / 254 + 1.0 / 30000;

        double ScoreError(PanelType held) => _scoreMagnitude * (_size + 4) / 16777216.0 + held switch
        {
            PanelType.BF16 => _scoreMagnitude * 2.01 / 256,
            // The keys' mean is taken off, which at most doubles the largest.
            PanelType.Int8 => _queryMagnitude * 2 * _largestKey * Int8Step,
            _ => 0,
        };
    }

    static void AssertLosesLittle(Span<float> queries, Span<float> keys, Span<float> values, Span<float> output, int size)
    {
        double squares = 0, errors = 0;
        for (int t = 0; t < queries.Length / size; t++)
        {
            var exact = new HeadReference(queries.Slice(t * size, size), keys, values, size, keys.Length / size).Output;
            for (int i = 0; i < size; i++)
            {
                squares += exact[i] * exact[i];
                errors += Math.Pow(exact[i] - output[t * size + i], 2);
            }
        }
        double relative = Math.Sqrt(errors / squares);
        TestContext.Current.TestOutputHelper?.WriteLine($"{relative:P2}");
        Assert.InRange(relative, 0, 0.01);
    }
}
