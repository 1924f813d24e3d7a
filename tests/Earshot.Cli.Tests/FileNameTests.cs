using Earshot.Cli.Files;
using Earshot.Cli.Options;

namespace Earshot.Cli.Tests;

public class FileNameTests
{
    [Theory]
    [InlineData("*.wav", "a.wav b.wav")]
    [InlineData("?.flac", "c.flac")]
    [InlineData("*/*.wav", "sub/d.wav")]
    [InlineData("**/*.wav", "a.wav b.wav sub/d.wav sub/deep/e.wav")]
    [InlineData("sub/**", "sub/d.wav sub/deep/e.wav")]
    [InlineData("./*.wav", "./a.wav ./b.wav")]
    [InlineData(".*.wav", ".hidden.wav")]
    [InlineData("*.mp3", "")]
    [InlineData("nowhere/*.wav", "")]
    public void Patterns_find_files(string pattern, string expected)
    {
        using var folder = new TemporaryFolder();
        foreach (var name in (string[])["a.wav", "b.wav", "c.flac", ".hidden.wav", "sub/d.wav", "sub/deep/e.wav", "sub/.git/f.wav"])
            folder.Write(name, []);
        var found = Glob.Expand(folder.Path + "/" + pattern).Select(path => Path.GetRelativePath(folder.Path, path).Replace('\\', '/'));
        Assert.Equal(expected.Replace("./", "", StringComparison.Ordinal).Split(' ', StringSplitOptions.RemoveEmptyEntries), found);
    }

    [Fact]
    public void Each_file_is_taken_once_in_the_order_given()
    {
        using var folder = new TemporaryFolder();
        foreach (var name in (string[])["a.wav", "b.wav", "odd[1]*.wav"]) folder.Write(name, []);
        var files = InputFile.Expand([folder["b.wav"], folder["*.wav"], "-", folder["odd[1]*.wav"], "-", folder["*.ogg"]]);
        Assert.Equal([folder["b.wav"], folder["a.wav"], folder["odd[1]*.wav"], "-", folder["*.ogg"]], files.Select(file => file.Path));
    }

    [Theory]
    [InlineData(null, "talk.srt")]
    [InlineData("out/", "out/talk.srt")]
    [InlineData("out/{name}-{language}.{ext}", "out/talk-en.srt")]
    [InlineData("{folder}/{name}.{ext}", "recordings/talk.srt")]
    [InlineData("fixed.txt", "fixed.txt")]
    public void Output_paths_follow_the_option(string? output, string expected)
    {
        InputFile[] files = [new("recordings/talk.wav")];
        var plan = OutputPlan.For(output, output is null ? [.. files, new InputFile("other.wav")] : files, ["srt"]);
        Assert.Equal(expected, plan.PathFor(files[0], "srt", "en"));
    }

    [Fact]
    public void One_transcript_without_an_option_goes_to_standard_output() =>
        Assert.True(OutputPlan.For(null, [new InputFile("a.wav")], ["txt"]).IsStandardOutput);

    [Theory]
    [InlineData("-", "cannot share standard output")]
    [InlineData("one.txt", "cannot share the file 'one.txt'")]
    [InlineData("{title}.txt", "{title}")]
    [InlineData("{name}.txt", "would both be written to")]
    public void Transcripts_that_would_share_a_place_are_refused(string output, string expected)
    {
        var e = Assert.Throws<UsageException>(() => OutputPlan.For(output, [new InputFile("a/x.wav"), new InputFile("b/x.wav")], ["txt"]));
        Assert.Contains(expected, e.Message);
    }

    [Theory]
    [InlineData("90", 90)]
    [InlineData("2.5", 2.5)]
    [InlineData("1:30", 90)]
    [InlineData("1:02:03.5", 3723.5)]
    [InlineData("0", 0)]
    public void Times_are_seconds_or_clock(string text, double seconds) => Assert.Equal(TimeSpan.FromSeconds(seconds), Times.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("1:60")]
    [InlineData("1:2:3:4")]
    [InlineData("1e9")]
    [InlineData("NaN")]
    [InlineData("99999999999")]
    [InlineData("soon")]
    public void Other_texts_are_no_times(string text) => Assert.Null(Times.Parse(text));

    [Theory]
    [InlineData(999, "999 B")]
    [InlineData(1000, "1.00 kB")]
    [InlineData(75_539_400, "75.5 MB")]
    [InlineData(999_900_000, "1.00 GB")]
    public void Bytes_are_told_in_three_digits(long bytes, string expected) => Assert.Equal(expected, Units.Bytes(bytes));
}
