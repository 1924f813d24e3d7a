using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Earshot.Cli.Options;

/// <summary>Kinds of option whose values are checked as they are parsed, with a message that says what is expected.</summary>
internal static class OptionKinds
{
    /// <summary>A whole number; null where not given.</summary>
    public static Option<int?> Whole(string name, string description, int least, int most = int.MaxValue) => new(name)
    {
        Description = description,
        HelpName = "N",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result => Parse<int>(result, name,
            most == int.MaxValue ? $"a whole number of at least {least}" : $"a whole number from {least} to {most}",
            text => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= least
                && value <= most ? value : null),
    };

    /// <summary>A number; null where not given.</summary>
    public static Option<double?> Number(
        string name, string description, double least, double most = double.PositiveInfinity, string unit = "X") => new(name)
        {
            Description = description,
            HelpName = unit,
            Arity = ArgumentArity.ExactlyOne,
            CustomParser = result => Parse<double>(result, name, Range(least, most), text => InRange(text, least, most)),
        };

    /// <summary>Seconds, as a number (2.5) or as [H:]M:S; null where not given.</summary>
    public static Option<TimeSpan?> Seconds(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "SECONDS",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result => Parse<TimeSpan>(result, name, "seconds such as 2.5, or M:S", Times.Parse),
    };

    /// <summary>One of some words; null where not given.</summary>
    public static Option<string?> Choice(string name, string description, params string[] choices) =>
        Choice(name, [], description, choices);

    public static Option<string?> Choice(string name, string[] aliases, string description, params string[] choices) => new(name, aliases)
    {
        Description = description,
        HelpName = string.Join('|', choices),
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            var text = result.Tokens[^1].Value;
            if (choices.FirstOrDefault(choice => choice.Equals(text, StringComparison.OrdinalIgnoreCase)) is { } known) return known;
            result.AddError($"{name} is '{text}'; expected one of {string.Join(", ", choices)}.");
            return null;
        },
    };

    /// <summary>Text; null where not given.</summary>
    public static Option<string?> Text(string name, string valueName, string description) => new(name)
    {
        Description = description,
        HelpName = valueName,
        Arity = ArgumentArity.ExactlyOne,
    };

    public static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    /// <summary>Numbers between commas; none where not given.</summary>
    public static Option<float[]?> Numbers(string name, string description, double least, double most) => new(name)
    {
        Description = description,
        HelpName = "X,...",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            var parts = result.Tokens[^1].Value.Split(',');
            var values = parts.Select(part => InRange(part, least, most)).ToArray();
            if (values.All(value => value is not null)) return [.. values.Select(value => (float)value!.Value)];
            result.AddError(
                $"{name} is '{result.Tokens[^1].Value}'; expected numbers from {Text(least)} to {Text(most)} between " +
                "commas, such as 0,0.2,0.4.");
            return null;
        },
    };

    /// <summary>A number, or <c>none</c>; null where not given.</summary>
    public static Option<Threshold?> Threshold(
        string name, string description, double least = double.NegativeInfinity, double most = double.PositiveInfinity) => new(name)
        {
            Description = description,
            HelpName = "X|none",
            Arity = ArgumentArity.ExactlyOne,
            CustomParser = result => Parse<Threshold>(result, name, $"{Range(least, most)}, or none",
                text => text.Equals("none", StringComparison.OrdinalIgnoreCase) ? new Threshold(null)
                    : InRange(text, least, most) is { } value ? new Threshold((float)value) : null),
        };

    static T? Parse<T>(ArgumentResult result, string name, string expected, Func<string, T?> parse) where T : struct
    {
        var text = result.Tokens[^1].Value;
        if (parse(text) is { } value) return value;
        result.AddError($"{name} is '{text}'; expected {expected}.");
        return null;
    }

    static double? InRange(string text, double least, double most) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value)
        && value >= least && value <= most ? value : null;

    static string Range(double least, double most) =>
        double.IsNegativeInfinity(least) ? "a number"
        : double.IsPositiveInfinity(most) ? $"a number of at least {Text(least)}"
        : $"a number from {Text(least)} to {Text(most)}";

    static string Text(double value) => value.ToString("0.######", CultureInfo.InvariantCulture);
}

/// <summary>A limit that may be switched off: null stands for <c>none</c>.</summary>
internal readonly record struct Threshold(float? Value);
