using System.Globalization;

namespace Earshot.Cli.Options;

/// <summary>Times as people type them.</summary>
internal static class Times
{
    /// <summary>Seconds (<c>90</c>, <c>2.5</c>) or <c>[H:]M:S</c> (<c>1:30</c>, <c>1:02:03.5</c>); null for anything else.</summary>
    public static TimeSpan? Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Trim().Split(':');
        if (parts.Length > 3) return null;
        double seconds = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            var last = i == parts.Length - 1;
            if (!double.TryParse(
                parts[i], last ? NumberStyles.AllowDecimalPoint : NumberStyles.None, CultureInfo.InvariantCulture, out double part))
            {
                return null;
            }
            if (i > 0 && part >= 60) return null;
            seconds = 60 * seconds + part;
        }
        // A year: beyond any recording, and far from overflow.
        return seconds < 366.0 * 24 * 3600 ? TimeSpan.FromSeconds(seconds) : null;
    }
}
