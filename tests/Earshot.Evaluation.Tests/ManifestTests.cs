using System.Text;

namespace Earshot.Evaluation.Tests;

public class ManifestTests
{
    [Fact]
    public void Reads_json_lines_with_any_of_the_known_names()
    {
        using var folder = new ScratchFolder();
        var path = folder.Write("calls.jsonl", """
            {"audio": "a.wav", "text": "one two", "language": "de", "speaker": "Ada", "duration": 1.5, "more": [1]}

            {"audio_filepath": "b/b.wav", "reference": "", "seconds": 2}
            {"id": 7, "audio": {"path": "c.wav"}, "text": null}
            """);
        var manifest = EvaluationManifest.Read(path);
        Assert.Equal("calls", manifest.Name);
        Assert.Equal(["a.wav", "b/b.wav", "7"], manifest.Clips.Select(clip => clip.Id));
        Assert.Equal(["one two", "", null], manifest.Clips.Select(clip => clip.Reference));
        Assert.Equal([false, true, false], manifest.Clips.Select(clip => clip.IsNonSpeech));
        var first = manifest.Clips[0];
        Assert.Equal(("de", "Ada", TimeSpan.FromSeconds(1.5)), (first.Language, first.Speaker, first.Duration));
        Assert.Equal(folder["a.wav"], first.Audio);
        Assert.Equal(Path.Combine(folder.Path, "b", "b.wav"), manifest.Clips[1].Audio);
    }

    [Fact]
    public void Reads_an_array_and_names_it_by_its_folder()
    {
        var manifest = EvaluationManifest.Read(TestData.Require("audio/manifest.json"));
        Assert.Equal("audio", manifest.Name);
        Assert.Equal(82, manifest.Clips.Count);
        Assert.Equal(77, manifest.Clips.Count(clip => clip.Reference is not null));
        Assert.All(manifest.Clips, clip => Assert.True(File.Exists(clip.Audio), clip.Audio));
        Assert.Equal(
            manifest.Clips.Select(clip => clip.Id), EvaluationManifest.Read(TestData.Require("audio")).Clips.Select(clip => clip.Id));
    }

    [Theory]
    [InlineData("{\"audio\": \"a.wav\"}\nnot json", 2, "no JSON object")]
    [InlineData("{\"audio\": \"a.wav\"}\n\n{\"text\": \"x\"}", 3, "no 'audio'")]
    [InlineData("{\"audio\": \"a.wav\"}\n{\"audio\": \"a.wav\"}", 2, "in line 1 already")]
    [InlineData("{\"audio\": \"a.wav\", \"text\": 5}", 1, "'text' is number")]
    [InlineData("{\"audio\": \"a.wav\", \"duration\": -1}", 1, "'duration' is -1")]
    [InlineData("{\"audio\": \"a.wav\", \"duration\": 1e99}", 1, "expected seconds")]
    [InlineData("{\"audio\": \"a\\u0000\"}", 1, "no path")]
    [InlineData("{\"audio\": \"a.wav\", \"text\": \"\\ud800\"}", 1, "surrogate")]
    [InlineData("5", 1, "expected an object, got number")]
    [InlineData("[\n{\"audio\": \"a.wav\"},\n\n{\"text\": \"x\"}\n]", 4, "no 'audio'")]
    [InlineData("[\n{\"audio\": \"a.wav\"},\n{\"audio\"\n]", 4, "the JSON is damaged")]
    [InlineData("[\n{\"audio\": \"a.wav\"},\n7]", 3, "expected an object")]
    public void A_damaged_manifest_is_refused_with_file_and_line(string content, int line, string expected)
    {
        using var folder = new ScratchFolder();
        var path = folder.Write("bad.jsonl", content);
        var refused = Assert.Throws<ManifestException>(() => EvaluationManifest.Read(path));
        Assert.StartsWith($"'{path}', line {line}: ", refused.Message);
        Assert.Contains(expected, refused.Message);
        Assert.Equal(line, refused.Line);
    }

    [Fact]
    public void Lines_without_end_and_bytes_that_are_no_text_are_refused()
    {
        using var folder = new ScratchFolder();
        var endless = folder.Write("long.jsonl", new string('x', BoundedLines.Longest + 2));
        Assert.Contains("longer than", Assert.Throws<ManifestException>(() => EvaluationManifest.Read(endless)).Message);
        File.WriteAllBytes(folder["bytes.jsonl"], [(byte)'{', 0xFF, 0xFE, (byte)'\n']);
        Assert.Contains("not UTF-8", Assert.Throws<ManifestException>(() => EvaluationManifest.Read(folder["bytes.jsonl"])).Message);
        Assert.Contains(
            "no clips", Assert.Throws<ManifestException>(() => EvaluationManifest.Read(folder.Write("none.jsonl", "\n"))).Message);
        Assert.Contains(
            "no such manifest", Assert.Throws<ManifestException>(() => EvaluationManifest.Read(folder["absent.jsonl"])).Message);
    }

    [Fact]
    public void Reads_librispeech_folders()
    {
        using var folder = new ScratchFolder();
        folder.Write("84/121/84-121.trans.txt", "84-121-0000 GO DO YOU HEAR\n84-121-0001 BUT IN LESS\n");
        folder.Write("84/121/84-121-0000.flac", "");
        folder.Write("84/121/84-121-0001.wav", "");
        var clips = EvaluationManifest.Read(folder.Path).Clips;
        Assert.Equal(["GO DO YOU HEAR", "BUT IN LESS"], clips.Select(clip => clip.Reference));
        Assert.All(clips, clip => Assert.Equal(("84", "en"), (clip.Speaker, clip.Language)));
        Assert.EndsWith("84-121-0001.wav", clips[1].Audio);

        var transcript = folder.Write("84/122/84-122.trans.txt", "84-122-0000 GO\n");
        var refused = Assert.Throws<ManifestException>(() => EvaluationManifest.Read(folder.Path));
        Assert.StartsWith($"'{transcript}', line 1: there is no recording '84-122-0000.flac'", refused.Message);
    }

    [Fact]
    public void Reads_common_voice_tables_and_refuses_paths_that_lead_elsewhere()
    {
        using var folder = new ScratchFolder();
        folder.Write("de/test.tsv", "client_id\tpath\tsentence\tlocale\nab\tone.mp3\tGuten Tag\tde\ncd\ttwo.mp3\tAuf Wiedersehen\tde\n");
        folder.Write("de/clips/one.mp3", "");
        var clips = EvaluationManifest.Read(folder["de"]).Clips;
        Assert.Equal(["Guten Tag", "Auf Wiedersehen"], clips.Select(clip => clip.Reference));
        Assert.Equal((folder["de/clips/one.mp3"], "de", "ab"), (clips[0].Audio.Replace('\\', '/'), clips[0].Language, clips[0].Speaker));

        foreach (var bad in (string[])["../x.mp3", "a/b.mp3", "..", "", "c:\\x"])
        {
            var table = folder.Write("bad.tsv", $"path\tsentence\n{bad}\twords\n");
            Assert.Contains("line 2: the path", Assert.Throws<ManifestException>(() => EvaluationManifest.Read(table)).Message);
        }
        Assert.Contains(
            "the header lacks",
            Assert.Throws<ManifestException>(() => EvaluationManifest.Read(folder.Write("head.tsv", "a\tb\n"))).Message);
        Assert.Contains(
            "expected 2 fields",
            Assert.Throws<ManifestException>(() => EvaluationManifest.Read(folder.Write("short.tsv", "path\tsentence\nx.mp3\n"))).Message);
    }

    [Fact]
    public void Reads_recordings_with_a_text_beside_each()
    {
        using var folder = new ScratchFolder();
        folder.Write("a.wav", "");
        folder.Write("a.txt", "what is\nsaid\n");
        folder.Write("notes.txt", "no recording");
        var clip = Assert.Single(EvaluationManifest.Read(folder.Path).Clips);
        Assert.Equal(("a.wav", "what is said"), (clip.Id, clip.Reference));
        using var empty = new ScratchFolder();
        Assert.Contains("no rule fits", Assert.Throws<ManifestException>(() => EvaluationManifest.Read(empty.Path)).Message);
    }

    [Fact]
    public void Damaged_manifests_are_read_or_refused_and_nothing_else()
    {
        var random = new Random(11);
        byte[][] seeds =
        [
            "{\"audio\": \"a.wav\", \"text\": \"one\", \"duration\": 2}\n{\"audio\": \"b.wav\"}\n"u8.ToArray(),
            "[{\"file\": \"a.wav\", \"reference\": \"one\"}, {\"file\": \"b.wav\", \"seconds\": 1}]"u8.ToArray(),
            "path\tsentence\tlocale\na.mp3\tone\tde\n"u8.ToArray(),
        ];
        for (int i = 0; i < 6000; i++)
        {
            var seed = seeds[i % seeds.Length];
            byte[] bytes = [.. seed];
            for (int change = random.Next(1, 4); change > 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (random.Next(4) == 0) bytes = bytes[..random.Next(bytes.Length)];
            try
            {
                if (i % 3 == 2) CommonVoiceTable.Read(new StreamReader(new MemoryStream(bytes), Encoding.UTF8), "fuzz", "folder");
                else JsonManifest.Read(new MemoryStream(bytes), "fuzz", "folder");
            }
            catch (ManifestException e)
            {
                Assert.Contains("fuzz", e.Message);
            }
        }
    }

    [Fact]
    public void Transcripts_are_paired_by_name_or_by_line()
    {
        using var folder = new ScratchFolder();
        var pairs = TranscriptFile.Pair(folder.Write("r.txt", "one\n\nthree\n"), folder.Write("h.txt", "one\ntwo\nthree\n"));
        Assert.Equal([("one", "one"), ("", "two"), ("three", "three")], pairs.Select(pair => (pair.Reference, pair.Hypothesis)));
        pairs = TranscriptFile.Pair(
            folder.Write("r.jsonl", "{\"id\":\"a\",\"text\":\"A\"}\n{\"id\":\"b\",\"text\":\"B\"}"),
            folder.Write("h.jsonl", "{\"id\":\"b\",\"pred_text\":\"b\"}\n{\"id\":\"a\",\"text\":\"a\"}"));
        Assert.Equal([("a", "A", "a"), ("b", "B", "b")], pairs.Select(pair => (pair.Id, pair.Reference, pair.Hypothesis)));
        Assert.Contains(
            "has 3 texts",
            Assert.Throws<ManifestException>(() => TranscriptFile.Pair(folder["r.txt"], folder.Write("h.txt", "one\n"))).Message);
        Assert.Contains("line 2: 'b' has no text", Assert.Throws<ManifestException>(
            () => TranscriptFile.Pair(folder["r.jsonl"], folder.Write("h.jsonl", "{\"id\":\"a\",\"text\":\"a\"}"))).Message);
        Assert.Contains(
            "line 1: this is no transcript",
            Assert.Throws<ManifestException>(() => TranscriptFile.Pair(folder["r.jsonl"], folder.Write("h.jsonl", "[]"))).Message);
    }
}
