using System.Globalization;

namespace Earshot.Evaluation;

/// <summary>Figures as reports write them.</summary>
internal static class ReportText
{
    public const string None = "–";

    public static string Percent(double? share) =>
        share is { } value ? string.Create(CultureInfo.InvariantCulture, $"{100 * value:0.00} %") : None;

    public static string Interval(RateInterval? rate) => rate is null
        ? None
        : string.Create(CultureInfo.InvariantCulture, $"{100 * rate.Rate:0.00} % [{100 * rate.Low:0.00}–{100 * rate.High:0.00}]");

    public static string Range(RateInterval rate) =>
        string.Create(CultureInfo.InvariantCulture, $"{100 * rate.Low:0.00}–{100 * rate.High:0.00}");

    public static string Seconds(TimeSpan time) => time switch
    {
        { TotalSeconds: < 10 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.00} s"),
        { TotalMinutes: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s"),
        { TotalHours: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:0.0} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{time.TotalHours:0.0} h"),
    };

    public static string Speed(double? speed) =>
        speed is { } value ? string.Create(CultureInfo.InvariantCulture, $"{Significant(value)}×") : None;

    public static string Factor(double? value) =>
        value is { } factor ? factor.ToString(factor < 0.1 ? "0.0000" : "0.000", CultureInfo.InvariantCulture) : None;

    /// <summary>Bytes in decimal units.</summary>
    public static string Bytes(long? bytes) => bytes switch
    {
        null => None,
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:0.0} kB"),
        < 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.00} GB"),
    };

    /// <summary>About three digits that matter, without an exponent.</summary>
    public static string Significant(double value) => Math.Abs(value) switch
    {
        >= 100 => value.ToString("0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("0.0", CultureInfo.InvariantCulture),
        >= 0.1 or 0 => value.ToString("0.00", CultureInfo.InvariantCulture),
        _ => value.ToString("0.####", CultureInfo.InvariantCulture),
    };

    public static string Whole(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    public static string Languages(int? count) => count switch { null => None, 1 => "English", _ => Whole(count.Value) };

    public static string Plural(int count, string one) => $"{Whole(count)} {one}{(count == 1 ? "" : "s")}";
}
