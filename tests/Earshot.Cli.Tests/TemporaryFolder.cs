namespace Earshot.Cli.Tests;

/// <summary>A folder that is deleted with its content when the test ends.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("earshot-cli-");

    public string Path => _folder.FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public string Write(string name, ReadOnlySpan<byte> content)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this[name])!);
        File.WriteAllBytes(this[name], content);
        return this[name];
    }

    public string Copy(string file, string name)
    {
        File.Copy(file, this[name]);
        return this[name];
    }

    /// <summary>The names of all files, in order, folders with slashes.</summary>
    public string[] Files() =>
        [.. _folder.EnumerateFiles("*", SearchOption.AllDirectories)
            .Select(file => System.IO.Path.GetRelativePath(Path, file.FullName).Replace('\\', '/')).Order(StringComparer.Ordinal)];

    public void Dispose() => _folder.Delete(recursive: true);
}
