using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>What is saved, what is wished for, how a matrix is used and what the processor has decide what it is computed in.</summary>
public sealed class WeightChoiceTests
{
    public static TheoryData<InstructionSet> Sets => MatrixProductTests.Sets;

    [Theory, MemberData(nameof(Sets))]
    public void What_is_saved_is_computed_as_it_is_and_the_rest_as_suits_the_machine(InstructionSet set)
    {
        var choice = Saved(set);
        Assert.Equal(WeightFormat.Int8, choice.Of("encoder.fc1"));
        Assert.Equal(WeightFormat.Nf4, choice.Of("decoder.fc1"));
        Assert.Equal(CpuDevice.PreferredWeights(set), choice.Of("conv1"));
        var options = choice.Apply(new CpuOptions { Threads = 3 });
        Assert.Equal((3, set, CpuDevice.PreferredWeights(set)), (options.Threads, options.InstructionSet, options.Weights));
        Assert.Equal(WeightFormat.Int8, options.WeightsFor!("encoder.fc1"));
    }

    [Theory, MemberData(nameof(Sets))]
    public void A_wish_goes_before_what_is_saved_and_an_exception_before_both(InstructionSet set)
    {
        var wish = WeightWish.Parse("bf16,fc1=int4,encoder.=f32");
        var choice = Saved(set) with { Wished = wish.Format, WishedFor = wish.For };
        Assert.Equal(WeightFormat.BF16, choice.Default);
        Assert.Equal(WeightFormat.BF16, choice.Of("decoder.fc2"));
        // The first that fits.
        Assert.Equal(WeightFormat.Int4Group32, choice.Of("encoder.fc1"));
        Assert.Equal(WeightFormat.F32, choice.Of("encoder.fc2"));
        choice = choice with { Wished = null };
        Assert.Equal((WeightFormat.Nf4, WeightFormat.F32), (choice.Of("decoder.fc2"), choice.Of("encoder.fc2")));
    }

    [Theory, MemberData(nameof(Sets))]
    public void For_speed_many_rows_meet_float32_where_int8_is_not_multiplied(InstructionSet set)
    {
        var kernels = KernelSet.For(set);
        bool multiplies = kernels.Int8.RowType == PanelType.Int8 || kernels.SequenceInt8 is not null;
        var choice = Saved(set) with { Priority = WeightPriority.Speed };
        Assert.Equal(multiplies ? WeightFormat.Int8 : WeightFormat.F32, choice.Of("encoder.fc1"));
        // Steps wait for memory, whatever is multiplied.
        Assert.Equal(WeightFormat.Int8, (choice with { SavedAs = _ => WeightFormat.Int8 }).Of("decoder.fc1"));
        Assert.Equal(WeightFormat.Nf4, choice.Of("decoder.fc1"));
        Assert.Equal(WeightFormat.Nf4, (choice with { SavedAs = _ => WeightFormat.Nf4 }).Of("encoder.fc1"));
        Assert.Equal(CpuDevice.PreferredWeights(set), choice.Of("conv1"));
        // A wish is obeyed all the same.
        Assert.Equal(WeightFormat.Int8, (choice with { Wished = WeightFormat.Int8 }).Of("encoder.fc1"));
    }

    [Fact]
    public void Wishes_are_read()
    {
        Assert.Equal((null, WeightPriority.AsSaved, 0), Parts("saved"));
        Assert.Equal((null, WeightPriority.Speed, 0), Parts("Fast"));
        Assert.Equal((WeightFormat.Int8Outliers, WeightPriority.AsSaved, 0), Parts("int8-outliers"));
        Assert.Equal((null, WeightPriority.Speed, 2), Parts("fast, fc2=bf16, a=b.=nf4"));
        Assert.Equal(WeightFormat.Nf4, WeightWish.Parse("f32,a=b.=nf4").For("x.a=b.weight"));
        Assert.Null(WeightWish.Parse("f32,fc2=bf16").For("fc1"));

        static (WeightFormat?, WeightPriority, int) Parts(string text)
        {
            var wish = WeightWish.Parse(text);
            return (wish.Format, wish.Priority, wish.Exceptions.Count);
        }
    }

    [Theory]
    [InlineData("", "expected saved, fast, f32, bf16, int8, int8-outliers, int4, int4-g128 or nf4")]
    [InlineData("f16", "'f16' is nothing that weights are computed in")]
    [InlineData("int8,fc2", "'fc2' is no exception")]
    [InlineData("int8,=f32", "'=f32' is no exception")]
    [InlineData("int8,fc2=fast", "'fast' is nothing that weights are computed in; expected f32")]
    public void Other_wishes_are_refused_with_what_was_expected(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<FormatException>(() => WeightWish.Parse(text)).Message, StringComparison.Ordinal);

    static WeightChoice Saved(InstructionSet set) => new()
    {
        SavedAs = name => name.StartsWith("encoder", StringComparison.Ordinal) ? WeightFormat.Int8
            : name.StartsWith("decoder", StringComparison.Ordinal) ? WeightFormat.Nf4 : null,
        UseOf = name => name.StartsWith("encoder", StringComparison.Ordinal) ? WeightUse.ManyRows : WeightUse.FewRows,
        InstructionSet = set,
    };

    [Fact]
    public void Keys_and_values_beside_saved_codes_are_int8_unless_a_format_is_wished_for()
    {
        var saved = new WeightChoice { Saved = WeightFormat.Int8, SavedAs = _ => WeightFormat.Int8 };
        Assert.Equal(KeyValueFormat.Int8, saved.Apply(new CpuOptions()).KeyValues);
        Assert.Null((saved with { Wished = WeightFormat.F32 }).Apply(new CpuOptions()).KeyValues);
        Assert.Null(new WeightChoice().Apply(new CpuOptions()).KeyValues);
        Assert.Equal(KeyValueFormat.BF16, saved.Apply(new CpuOptions { KeyValues = KeyValueFormat.BF16 }).KeyValues);
    }
}
