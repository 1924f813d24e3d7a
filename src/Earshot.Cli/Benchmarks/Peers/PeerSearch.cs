namespace Earshot.Cli.Benchmarks.Peers;

/// <summary>Where other engines are found: variables of the environment, else programs on the path.</summary>
/// <param name="Variable">A variable's value; null where it is not set.</param>
internal sealed record PeerSearch(Func<string, string?> Variable)
{
    public static PeerSearch OfProcess { get; } = new(Environment.GetEnvironmentVariable);

    /// <summary>How long a program may take for one answer.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(600);

    /// <summary>The file of a variable, or the folder; null where it is not set, or is not there.</summary>
    public string? Existing(string variable) => Value(variable) is { } path && Path.Exists(path) ? Path.GetFullPath(path) : null;

    /// <summary>A program: what a variable names (a file, or a folder that holds it), else one of some names on the path.</summary>
    public string? Program(string variable, params ReadOnlySpan<string> names)
    {
        if (Value(variable) is { } named)
        {
            if (File.Exists(named)) return Path.GetFullPath(named);
            // A name without a folder is looked for on the path as any other.
            if (!named.Contains(Path.DirectorySeparatorChar)) return OnPath(named);
            foreach (var name in names)
            {
                if (Executable(named, name) is { } within) return within;
            }
            return null;
        }
        foreach (var name in names)
        {
            if (OnPath(name) is { } found) return found;
        }
        return null;
    }

    string? OnPath(string name)
    {
        // Never the current folder.
        foreach (var folder in (Variable("PATH") ?? "").Split(Path.PathSeparator).Where(Path.IsPathFullyQualified))
        {
            if (Executable(folder, name) is { } found) return found;
        }
        return null;
    }

    static string? Executable(string folder, string name)
    {
        var path = Path.Combine(folder, OperatingSystem.IsWindows() && !Path.HasExtension(name) ? name + ".exe" : name);
        return File.Exists(path) ? Path.GetFullPath(path) : null;
    }

    string? Value(string variable) => Variable(variable)?.Trim() is { Length: > 0 } value ? value : null;
}
