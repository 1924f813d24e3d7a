namespace Earshot.Tests.HouseRules;

/// <summary>Lines of code are at most 140 columns wide, so that two files fit beside each other.</summary>
public class LineLengthTests
{
    const int Longest = 140;

    [Fact]
    public void No_line_is_longer_than_140_columns()
    {
        var found = SourceFiles.All()
            .SelectMany(file => SourceFiles.Lines(file).Select((line, at) => (File: file, Line: at + 1, line.Length)))
            .Where(line => line.Length > Longest)
            .Select(line => $"{line.File}:{line.Line}: {line.Length} columns")
            .ToList();
        Assert.True(found.Count == 0, string.Join('\n', found));
    }
}
