using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

public sealed class TextEndingsTests
{
    [Theory]
    [InlineData("", null, TextEnding.Unknown)]
    [InlineData("  ", "en", TextEnding.Unknown)]
    [InlineData("He could wait no longer.", "en", TextEnding.Sentence)]
    [InlineData(" “Is it so?” ", "en", TextEnding.Sentence)]
    [InlineData("Ach so!", "de", TextEnding.Sentence)]
    [InlineData("好的。", "zh", TextEnding.Sentence)]
    [InlineData("هل تسمعني؟", "ar", TextEnding.Sentence)]
    [InlineData("नमस्ते।", "hi", TextEnding.Sentence)]
    [InlineData("So it is,", null, TextEnding.Open)]
    [InlineData("And then...", "en", TextEnding.Open)]
    [InlineData("And then…", "en", TextEnding.Open)]
    [InlineData("然后，", "zh", TextEnding.Open)]
    [InlineData("I went to the", "en", TextEnding.Open)]
    [InlineData("Ich sage ihm, dass", "de", TextEnding.Open)]
    [InlineData("Ich sage ihm, DASS", "de", TextEnding.Open)]
    [InlineData("I went to the", null, TextEnding.Unknown)]
    [InlineData("I went home", "en", TextEnding.Unknown)]
    [InlineData("Good morning, Dr.", "en", TextEnding.Unknown)]
    [InlineData("Am 3.", "de", TextEnding.Unknown)]
    [InlineData("John F.", "en", TextEnding.Unknown)]
    [InlineData("So am I.", "en", TextEnding.Sentence)]
    public void A_text_s_end_is_told(string text, string? language, TextEnding ending) =>
        Assert.Equal(ending, TextEndings.Of(text, language));
}
