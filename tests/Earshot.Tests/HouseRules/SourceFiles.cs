namespace Earshot.Tests.HouseRules;

/// <summary>The project's own code, whatever is built beside it.</summary>
internal static class SourceFiles
{
    static readonly string[] s_roots = ["src", "tests", "bench", "samples"];

    /// <summary>Paths from the repository's root, with '/', in order.</summary>
    public static IEnumerable<string> All() => s_roots
        .SelectMany(root => Directory.EnumerateFiles(Path.Combine(TestData.RepositoryRoot, root), "*.cs", SearchOption.AllDirectories))
        .Select(path => Path.GetRelativePath(TestData.RepositoryRoot, path).Replace('\\', '/'))
        .Where(file => !file.Split('/').Any(folder => folder is "bin" or "obj"))
        .Order(StringComparer.Ordinal);

    public static IEnumerable<string> Lines(string file) => File.ReadLines(Path.Combine(TestData.RepositoryRoot, file));
}
