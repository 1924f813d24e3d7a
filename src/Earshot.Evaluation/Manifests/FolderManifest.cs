namespace Earshot.Evaluation;

/// <summary>Folders of corpora, by the names of their files.</summary>
internal static class FolderManifest
{
    static readonly string[] s_recordings = [".flac", ".wav", ".mp3", ".ogg", ".opus", ".m4a", ".webm"];
    static readonly EnumerationOptions s_everywhere = new()
    {
        RecurseSubdirectories = true,
        AttributesToSkip = FileAttributes.System | FileAttributes.Hidden | FileAttributes.ReparsePoint,
        MaxRecursionDepth = 16,
    };

    /// <exception cref="ManifestException">No rule fits the folder, or a file of it is damaged.</exception>
    public static IReadOnlyList<EvaluationClip> Read(string folder)
    {
        foreach (var name in (string[])["manifest.jsonl", "manifest.json"])
        {
            if (File.Exists(Path.Combine(folder, name))) return JsonManifest.Read(Path.Combine(folder, name));
        }
        var transcripts = Files(folder, "*.trans.txt");
        if (transcripts.Count > 0) return LibriSpeech(transcripts, folder);
        if (File.Exists(Path.Combine(folder, "test.tsv"))) return CommonVoiceTable.Read(Path.Combine(folder, "test.tsv"));
        var clips = Pairs(folder);
        if (clips.Count > 0) return clips;
        throw new ManifestException(
            $"'{folder}': no rule fits this folder; expected a manifest.jsonl, LibriSpeech's *.trans.txt, Common Voice's test.tsv, " +
            "or a .txt beside each recording.");
    }

    /// <summary>Lines of a recording's name and its text, in capitals; the name begins with the speaker's number.</summary>
    static List<EvaluationClip> LibriSpeech(IReadOnlyList<string> transcripts, string folder)
    {
        var entries = new List<(EvaluationClip Clip, long Line)>();
        foreach (var transcript in transcripts)
        {
            using var reader = BoundedLines.Open(File.OpenRead(transcript));
            foreach (var (text, number) in BoundedLines.Read(reader, transcript))
            {
                int space = text.IndexOf(' ', StringComparison.Ordinal);
                var name = space < 0 ? text : text[..space];
                if (!ManifestPaths.IsName(name))
                {
                    throw new ManifestException(
                        transcript, number,
                        $"'{ManifestPaths.Shown(name)}' is no recording's name; expected a name, a space, and its text.");
                }
                entries.Add((new EvaluationClip
                {
                    Id = name,
                    Audio = RecordingOf(Path.GetDirectoryName(transcript)!, name)
                        ?? throw new ManifestException(transcript, number, $"there is no recording '{name}.flac' (or .wav) beside it."),
                    Reference = space < 0 ? "" : text[(space + 1)..],
                    Language = "en",
                    Speaker = name.Split('-')[0],
                }, number));
            }
        }
        EvaluationManifest.CheckUnique(entries, folder);
        return [.. entries.Select(entry => entry.Clip)];
    }

    /// <summary>Recordings, each with a .txt of the same name beside it.</summary>
    static List<EvaluationClip> Pairs(string folder)
    {
        var clips = new List<EvaluationClip>();
        foreach (var text in Files(folder, "*.txt"))
        {
            if (RecordingOf(Path.GetDirectoryName(text)!, Path.GetFileNameWithoutExtension(text)) is not { } audio) continue;
            using var reader = BoundedLines.Open(File.OpenRead(text));
            var reference = string.Join(' ', BoundedLines.Read(reader, text).Select(line => line.Text.Trim()));
            clips.Add(
                new EvaluationClip { Id = Path.GetRelativePath(folder, audio).Replace('\\', '/'), Audio = audio, Reference = reference });
        }
        return clips;
    }

    static string? RecordingOf(string folder, string name) =>
        s_recordings.Select(extension => Path.Combine(folder, name + extension)).FirstOrDefault(File.Exists);

    static List<string> Files(string folder, string pattern) =>
        [.. Directory.EnumerateFiles(folder, pattern, s_everywhere).Order(StringComparer.Ordinal)];
}
