using System.IO.Enumeration;

namespace Earshot.Cli.Files;

/// <summary>
/// Files by pattern, for shells that do not expand patterns and for quoted ones: <c>*</c>, <c>?</c>, and <c>**</c> for folders at any
/// depth.
/// </summary>
internal static class Glob
{
    public static bool IsPattern(string text) => text.AsSpan().IndexOfAny('*', '?') >= 0;

    /// <summary>The files that match, in order of their names; hidden ones only where the pattern's part begins with a dot.</summary>
    /// <exception cref="IOException">A folder cannot be read.</exception>
    public static IReadOnlyList<string> Expand(string pattern)
    {
        var root = Path.GetPathRoot(pattern) ?? "";
        var parts = pattern[root.Length..]
            .Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries);
        var files = new SortedSet<string>(StringComparer.Ordinal);
        if (parts.Length > 0) Collect(root, parts, files);
        return [.. files];
    }

    static void Collect(string folder, ReadOnlySpan<string> parts, SortedSet<string> files)
    {
        var part = parts[0];
        if (part == "**")
        {
            if (parts.Length == 1) Collect(folder, ["*"], files);
            else Collect(folder, parts[1..], files);
            foreach (var child in Folders(folder, "*")) Collect(child, parts, files);
        }
        else if (parts.Length == 1)
        {
            foreach (var file in Entries(folder, part, directories: false)) files.Add(file);
        }
        else if (IsPattern(part))
        {
            foreach (var child in Folders(folder, part)) Collect(child, parts[1..], files);
        }
        else
        {
            var child = Path.Combine(folder, part);
            if (Directory.Exists(child)) Collect(child, parts[1..], files);
        }
    }

    static string[] Folders(string folder, string pattern) => [.. Entries(folder, pattern, directories: true)];

    static IEnumerable<string> Entries(string folder, string pattern, bool directories)
    {
        var info = new DirectoryInfo(folder.Length == 0 ? "." : folder);
        var options = new EnumerationOptions { AttributesToSkip = FileAttributes.System, IgnoreInaccessible = true };
        foreach (var entry in info.EnumerateFileSystemInfos("*", options))
        {
            var isFolder = entry.Attributes.HasFlag(FileAttributes.Directory);
            // A link to a folder may lead back up: patterns do not follow it.
            if (isFolder != directories || isFolder && entry.LinkTarget is not null) continue;
            if (entry.Name[0] == '.' && pattern[0] != '.') continue;
            if (FileSystemName.MatchesSimpleExpression(pattern, entry.Name, ignoreCase: OperatingSystem.IsWindows()))
                yield return Path.Combine(folder, entry.Name);
        }
    }
}
