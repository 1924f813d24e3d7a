using Earshot.Compute.Quantization;

namespace Earshot.Compute.Cpu;

/// <summary>
/// What a user wishes weights to be computed in, as text: a format, or <c>saved</c> or <c>fast</c>, and then exceptions by a part of the
/// parameter's name, the first that fits: <c>int8,fc2=bf16,encoder.=f32</c>.
/// </summary>
public sealed record WeightWish
{
    const string Saved = "saved", Fast = "fast";

    /// <summary>The format of all that no exception names; null leaves it to <see cref="WeightChoice"/>.</summary>
    public WeightFormat? Format { get; init; }

    public WeightPriority Priority { get; init; }

    /// <summary>Parts of names, each with its format.</summary>
    public IReadOnlyList<(string Text, WeightFormat Format)> Exceptions { get; init; } = [];

    /// <summary>The exception for a parameter; null where none fits.</summary>
    public WeightFormat? For(string name)
    {
        foreach (var (text, format) in Exceptions)
        {
            if (name.Contains(text, StringComparison.Ordinal)) return format;
        }
        return null;
    }

    /// <exception cref="FormatException">The text is no wish, with what was expected.</exception>
    public static WeightWish Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
        var exceptions = new List<(string, WeightFormat)>();
        foreach (var part in parts[1..])
        {
            int at = part.LastIndexOf('=');
            if (at < 1) throw new FormatException($"'{part}' is no exception; expected a part of a name and a format, as in 'fc2=bf16'.");
            exceptions.Add((part[..at], Computed(part[(at + 1)..])));
        }
        var first = parts[0];
        bool fast = first.Equals(Fast, StringComparison.OrdinalIgnoreCase);
        return new WeightWish
        {
            Format = fast || first.Equals(Saved, StringComparison.OrdinalIgnoreCase) ? null : Computed(first, $"{Saved}, {Fast}, "),
            Priority = fast ? WeightPriority.Speed : WeightPriority.AsSaved,
            Exceptions = exceptions,
        };
    }

    static WeightFormat Computed(string name, string others = "")
    {
        if (WeightFormat.TryParse(name, null, out var format) && CpuDevice.Formats.Contains(format)) return format;
        var formats = WeightFormat.NamesOf(CpuDevice.Formats);
        throw new FormatException($"'{name}' is nothing that weights are computed in; expected {others}{formats}.");
    }
}
