using Earshot.Cli.Options;

namespace Earshot.Cli.Tests;

public class ChannelChoiceTests
{
    [Theory]
    [InlineData("mix", null, false)]
    [InlineData("ALL", null, true)]
    [InlineData("left", 0, false)]
    [InlineData("Right", 1, false)]
    [InlineData("5", 5, false)]
    public void Channels_have_names(string text, int? index, bool each) =>
        Assert.Equal((index, each), (ChannelChoice.TryParse(text)!.Value.Index, ChannelChoice.TryParse(text)!.Value.IsEach));

    [Theory]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("both")]
    public void Others_are_none(string text) => Assert.Null(ChannelChoice.TryParse(text));
}
