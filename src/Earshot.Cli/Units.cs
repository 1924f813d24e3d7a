using System.Globalization;

namespace Earshot.Cli;

/// <summary>Numbers as people read them.</summary>
internal static class Units
{
    /// <summary>Bytes in decimal units, as disks and networks count: 75.5 MB.</summary>
    public static string Bytes(long bytes) => Scaled(bytes, "B", "kB", "MB", "GB", "TB");

    public static string Flops(double flops) => Scaled(flops, "", "k", "M", "G", "T").TrimEnd();

    /// <summary>A whole number with its thousands apart: 37,760,640.</summary>
    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A length of time: 7.4 s, 2:03, 1:02:03; below a minute in tenths.</summary>
    public static string Time(TimeSpan time) =>
        time < TimeSpan.FromMinutes(1) ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s") : Clock(time);

    /// <summary>A point in time or a length as a clock shows it: 0:07, 2:03, 1:02:03.</summary>
    public static string Clock(TimeSpan time) => time < TimeSpan.FromHours(1)
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalMinutes}:{time.Seconds:00}")
        : string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}");

    static string Scaled(double value, params ReadOnlySpan<string> units)
    {
        int unit = 0;
        while (value >= 999.5 && unit < units.Length - 1)
        {
            value /= 1000;
            unit++;
        }
        var format = unit == 0 || value >= 99.95 ? "0" : value >= 9.995 ? "0.0" : "0.00";
        return string.Create(CultureInfo.InvariantCulture, $"{value.ToString(format, CultureInfo.InvariantCulture)} {units[unit]}");
    }
}
