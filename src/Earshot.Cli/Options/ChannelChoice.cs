using System.Globalization;

namespace Earshot.Cli.Options;

/// <summary>Which channels are heard: their mix, one, or each by itself.</summary>
/// <param name="Index">The one channel, counted from 0; null for all of them.</param>
/// <param name="IsEach">Whether each is transcribed by itself.</param>
internal readonly record struct ChannelChoice(int? Index, bool IsEach)
{
    /// <summary>Reads <c>mix</c>, <c>all</c>, <c>left</c>, <c>right</c>, or a channel's number; null for anything else.</summary>
    public static ChannelChoice? TryParse(string text) => text.Trim().ToUpperInvariant() switch
    {
        "MIX" => default(ChannelChoice),
        "ALL" => new ChannelChoice(null, true),
        "LEFT" => new ChannelChoice(0, false),
        "RIGHT" => new ChannelChoice(1, false),
        var number when int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int index) =>
            new ChannelChoice(index, false),
        _ => null,
    };
}
