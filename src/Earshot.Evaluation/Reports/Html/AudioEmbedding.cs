namespace Earshot.Evaluation;

/// <summary>Where the page finds a recording: by its path, or within the page.</summary>
internal sealed class AudioEmbedding(string? folder)
{
    const long LargestFile = 32L << 20;
    const long LargestTotal = 512L << 20;

    long _left = LargestTotal;

    /// <summary>
    /// The address of a result's recording; with a folder to read from, its content as a data address, as far as there is room.
    /// </summary>
    public string AddressOf(ClipResult result)
    {
        if (folder is not null && Content(Path.GetFullPath(result.Audio, Path.GetFullPath(folder))) is { } content) return content;
        if (Path.IsPathRooted(result.Audio)) return new Uri(result.Audio).AbsoluteUri;
        return string.Join('/', result.Audio.Split('/').Select(Uri.EscapeDataString));
    }

    string? Content(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists || file.Length > Math.Min(LargestFile, _left) || TypeOf(file.Extension) is not { } type) return null;
        _left -= file.Length;
        return $"data:{type};base64,{Convert.ToBase64String(File.ReadAllBytes(path))}";
    }

    static string? TypeOf(string extension) => extension.ToLowerInvariant() switch
    {
        ".wav" => "audio/wav",
        ".flac" => "audio/flac",
        ".mp3" => "audio/mpeg",
        ".ogg" or ".opus" => "audio/ogg",
        ".m4a" or ".mp4" => "audio/mp4",
        ".webm" => "audio/webm",
        _ => null,
    };
}
