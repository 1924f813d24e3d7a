namespace Earshot.Testing;

/// <summary>
/// Where real recordings and reference outputs are: in tests/data, and what may not be shipped beside the repository or at
/// EARSHOT_TEST_DATA.
/// </summary>
internal static class TestData
{
    /// <summary>The repository's root: the folder that holds Earshot.slnx.</summary>
    public static string RepositoryRoot { get; } = FindRepositoryRoot();

    static string Own { get; } = Path.Combine(RepositoryRoot, "tests", "data");

    static string Root { get; } =
        Environment.GetEnvironmentVariable("EARSHOT_TEST_DATA") is { Length: > 0 } configured
            ? configured
            : Path.Combine(RepositoryRoot, "..", "shared");

    /// <summary>The full path of a file or folder of the test data; skips the running test, by name, where it is absent.</summary>
    public static string Require(string relativePath)
    {
        var path = Find(relativePath);
        Assert.SkipUnless(
            path is not null,
            $"Test data '{relativePath}' is not at '{Path.GetFullPath(Root)}'; set EARSHOT_TEST_DATA to the folder that has it.");
        return path!;
    }

    static string? Find(string relativePath)
    {
        foreach (var folder in (ReadOnlySpan<string>)[Own, Root])
        {
            var path = Path.GetFullPath(Path.Combine(folder, relativePath));
            if (Path.Exists(path)) return path;
        }
        return null;
    }

    static string FindRepositoryRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Earshot.slnx"))) return folder.FullName;
        }
        throw new InvalidOperationException($"No folder above '{AppContext.BaseDirectory}' holds Earshot.slnx.");
    }
}
