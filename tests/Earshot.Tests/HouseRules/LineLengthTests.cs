namespace Earshot.Tests.HouseRules;

/// <summary>Lines of code are at most 140 columns wide, so that two files fit beside each other.</summary>
public class LineLengthTests
{
    const int Longest = 140;

    static readonly string[] s_roots = ["src", "tests", "bench", "samples"];

    static readonly Lazy<(string File, int Line, int Length)[]> s_long = new(() =>
    [
        .. s_roots
            .SelectMany(root => Directory.EnumerateFiles(Path.Combine(TestData.RepositoryRoot, root), "*.cs", SearchOption.AllDirectories))
            .Select(path => Path.GetRelativePath(TestData.RepositoryRoot, path).Replace('\\', '/'))
            .Where(file => !file.Split('/').Any(folder => folder is "bin" or "obj"))
            .Order(StringComparer.Ordinal)
            .SelectMany(
                file => File.ReadLines(Path.Combine(TestData.RepositoryRoot, file)).Select((line, at) => (file, at + 1, line.Length)))
            .Where(line => line.Length > Longest),
    ]);

    [Fact]
    public void No_line_is_longer_than_140_columns()
    {
        var found = s_long.Value.Select(line => $"{line.File}:{line.Line}: {line.Length} columns");
        Assert.True(!found.Any(), string.Join('\n', found));
    }
}
