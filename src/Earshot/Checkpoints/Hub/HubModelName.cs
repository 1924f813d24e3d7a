namespace Earshot.Checkpoints;

/// <summary>
/// A model's name on the hub with the wanted revision: <c>openai/whisper-tiny@main</c>. Checked, so that it is safe in paths and addresses.
/// </summary>
sealed record HubModelName(string Id, string Revision)
{
    const int MaxLength = 96;

    /// <summary>The name of the model's folder in the cache.</summary>
    public string FolderName => "models--" + Id.Replace("/", "--", StringComparison.Ordinal);

    public override string ToString() => Revision == "main" ? Id : $"{Id}@{Revision}";

    /// <summary>The name that a text holds; null where it is none.</summary>
    public static HubModelName? TryParse(string text)
    {
        int at = text.IndexOf('@', StringComparison.Ordinal);
        var (id, revision) = at < 0 ? (text, "main") : (text[..at], text[(at + 1)..]);
        var parts = id.Split('/');
        return parts.Length <= 2 && id.Length <= MaxLength && parts.All(IsPart) && revision.Length <= 256
            && revision.Split('/').All(IsRevisionPart)
            ? new HubModelName(id, revision)
            : null;
    }

    /// <summary>The name that a cache folder stands for; null where it stands for none.</summary>
    public static HubModelName? FromFolderName(string folderName)
    {
        if (!folderName.StartsWith("models--", StringComparison.Ordinal)) return null;
        return TryParse(folderName["models--".Length..].Replace("--", "/", StringComparison.Ordinal));
    }

    // The hub forbids "--" and ".." in names; the first keeps folder names unambiguous.
    static bool IsPart(string part) =>
        IsRevisionPart(part) && !part.Contains("--", StringComparison.Ordinal) && part[0] is not ('.' or '-')
        && part[^1] is not ('.' or '-');

    static bool IsRevisionPart(string part) =>
        part.Length > 0 && part.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
        && !part.Contains("..", StringComparison.Ordinal) && part != ".";
}
