using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>The arithmetic of a token depends on whether it came in a step or in a prompt, and on nothing else.</summary>
public sealed class RowPrecisionTests
{
    public static TheoryData<InstructionSet, WeightFormat> SetsAndFormats => MatrixProductTests.SetsAndFormats;

    [Theory, MemberData(nameof(SetsAndFormats))]
    public void A_row_has_the_same_bits_among_few_and_many(InstructionSet set, WeightFormat format)
    {
        const int rows = CpuDevice.MaxExactRows + 9, inputs = 130, outputs = 40;
        using var device = new CpuDevice(new CpuOptions { Threads = 2, InstructionSet = set, Weights = format });
        using var backend = new CpuBackend(device);
        var scope = new Scope(new MemoryStore().AddRandom("fc.weight", new Random(1), outputs, inputs)) / "fc";
        using var x = NativeFloats.Random(rows * inputs, 2);
        var results = new Dictionary<RowPrecision, float[]>();
        foreach (var precision in Enum.GetValues<RowPrecision>())
        {
            backend.RowPrecision = precision;
            float[] many = Product(rows), few = Product(1), some = Product(6);
            results[precision] = many;
            if (precision == RowPrecision.ByRows) continue;
            Assert.Equal(many[..outputs], few);
            Assert.Equal(many[..(6 * outputs)], some);
        }
        // So many rows are a sequence where nothing is said.
        Assert.Equal(results[RowPrecision.ByRows], results[RowPrecision.Sequence]);

        float[] Product(int count)
        {
            var first = backend.Input(x.Span[..(count * inputs)], new Shape(count, inputs));
            return CpuBackend.Read(first.Linear(scope, outputs)).ToArray();
        }
    }

    [Theory, MemberData(nameof(SetsAndFormats))]
    public void A_generation_has_the_same_bits_alone_and_among_others(InstructionSet set, WeightFormat format)
    {
        const int prompt = 70, steps = 12;
        using var model = new ToyDecoder(new CpuOptions { Threads = 2, InstructionSet = set, Weights = format });
        int alone = model.Pages.AddRow();
        var first = model.Prompt(alone, Tokens(1, 0, prompt));
        var expected = Enumerable.Range(0, steps).Select(i => model.Step((alone, Token(1, prompt + i)))[0]).ToArray();

        // The prompt in two chunks, the steps merged with those of others at other lengths.
        int again = model.Pages.AddRow();
        int[] others = [model.Pages.AddRow(), model.Pages.AddRow(), model.Pages.AddRow()];
        Assert.Equal(first[..1], model.Prompt(again, Tokens(1, 0, 1)));
        Assert.Equal(first[1..], model.Prompt(again, Tokens(1, 1, prompt - 1)));
        for (int i = 0; i < others.Length; i++) _ = model.Prompt(others[i], Tokens(2 + i, 0, 1 + 30 * i));
        for (int i = 0; i < steps; i++)
        {
            Assert.Equal(expected[i], model.Step((others[0], 7), (again, Token(1, prompt + i)), (others[1], 8), (others[2], 9))[1]);
        }

        // A third begins with the prefix of the first.
        int shared = model.Pages.AddRow();
        model.Pages.Share(shared, alone, 50);
        Assert.Equal(first[50..], model.Prompt(shared, Tokens(1, 50, prompt - 50)));
        for (int i = 0; i < steps; i++) Assert.Equal(expected[i], model.Step((shared, Token(1, prompt + i)))[0]);
    }

    [Theory, MemberData(nameof(MatrixProductTests.Sets), MemberType = typeof(MatrixProductTests))]
    public void A_prompt_gives_the_logits_of_its_steps(InstructionSet set)
    {
        const int length = 150;
        using var model = new ToyDecoder(new CpuOptions { Threads = 2, InstructionSet = set });
        int whole = model.Pages.AddRow(), steps = model.Pages.AddRow();
        var prompt = model.Prompt(whole, Tokens(1, 0, length));
        for (int i = 0; i < length; i++)
        {
            var step = model.Step((steps, Token(1, i)))[0];
            double largest = step.Max(Math.Abs);
            for (int n = 0; n < step.Length; n++) Assert.Equal(step[n], prompt[i][n], 1e-5 * largest);
        }
    }

    static int Token(int sequence, int position) => (sequence * 7919 + position * 104729) % 300;

    static int[] Tokens(int sequence, int first, int count) =>
        [.. Enumerable.Range(first, count).Select(position => Token(sequence, position))];
}
