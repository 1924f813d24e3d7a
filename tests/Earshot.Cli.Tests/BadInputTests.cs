namespace Earshot.Cli.Tests;

/// <summary>What people and disks do to files: each gets one clear line, and nothing is left half written.</summary>
public class BadInputTests
{
    public static TheoryData<string, string> BadRecordings() => new()
    {
        { "empty", "the file is empty" },
        { "text", "the content is text" },
        { "zero-rate", "sample rate of 0 Hz" },
        { "header-only-half", "header.wav" },
        { "noise", "unknown audio format" },
        { "folder", "this is a folder" },
    };

    [Theory]
    [MemberData(nameof(BadRecordings))]
    public async Task A_bad_recording_is_one_line(string kind, string expected)
    {
        using var folder = new TemporaryFolder();
        var path = kind switch
        {
            "empty" => folder.Write("empty.wav", []),
            "text" => folder.Write("notes.wav", "Dear diary, today I recorded nothing.\n"u8),
            "zero-rate" => folder.Write("zero.wav", [.. Recordings.Header(2000, 1, 0), .. new byte[2000]]),
            "header-only-half" => folder.Write("header.wav", Recordings.Header(2000, 1, 16_000).AsSpan(0, 20)),
            "noise" => folder.Write("noise.wav", [0x93, 0x11, 0xE2, 0x80, 0x05, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0x01, 0x02, 0x03]),
            _ => folder.Path,
        };
        var before = folder.Files();
        var run = await TranscribeAsync(path, "-o", folder["out.txt"]);
        Assert.Contains(expected, run.AssertOneLine(ExitCode.SomeFailed));
        Assert.Equal(before, folder.Files());
    }

    [Fact]
    public async Task A_truncated_recording_is_transcribed_as_far_as_it_goes()
    {
        using var folder = new TemporaryFolder();
        var whole = File.ReadAllBytes(TestRecordings.Jfk);
        var run = await TranscribeAsync(folder.Write("cut.wav", whole.AsSpan(0, whole.Length * 3 / 4)));
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("ask not", run.Output.ToLowerInvariant());
        Assert.Contains("the WAV file ends 2.8 s (88011 bytes) before its header says", run.Error);
    }

    [Fact]
    public async Task A_damaged_recording_is_transcribed_with_one_warning_and_refused_with_strict()
    {
        var path = TestData.Require("cases/damaged-frame.flac");

        string[] args = ["transcribe", path, "-m", TestModels.WhisperBase, "--language", "en", "--beam-size", "1", "--temperature", "0"];

        var run = await CommandRun.OfAsync(args);
        var strict = await CommandRun.OfAsync([.. args, "--strict"]);

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("longer", run.Output);
        Assert.Single(run.Error.Split('\n'), line => line.StartsWith(
            $"earshot: '{path}' at 00:00:00.7: the FLAC frame at byte 18905 has check sum", StringComparison.Ordinal));
        Assert.Contains("has check sum", strict.AssertOneLine(ExitCode.SomeFailed));
        Assert.Empty(strict.Output);
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("safetensors")]
    [InlineData("tokenizer")]
    public async Task A_model_with_a_file_missing_is_one_line_that_names_it(string missing)
    {
        using var folder = new TemporaryFolder();
        LinkModel(folder, name => !name.Contains(missing, StringComparison.Ordinal)
            && !(missing == "tokenizer" && name is "vocabulary.bin" or "vocab.json" or "merges.txt"));
        var run = await CommandRun.OfAsync("transcribe", TestRecordings.Jfk, "-m", folder.Path);
        Assert.Contains(missing, run.AssertOneLine(ExitCode.Model));
        Assert.Empty(run.Output);
    }

    [Fact]
    public async Task A_config_that_disagrees_with_its_tensors_is_one_line()
    {
        using var folder = new TemporaryFolder();
        var model = LinkModel(folder, name => name != "config.json");
        File.WriteAllText(folder["config.json"], File.ReadAllText(Path.Combine(model, "config.json"))
            .Replace("\"encoder_layers\": 6", "\"encoder_layers\": 8", StringComparison.Ordinal));
        var run = await CommandRun.OfAsync("transcribe", TestRecordings.Jfk, "-m", folder.Path);
        Assert.Contains("model.encoder.layers.6", run.AssertOneLine(ExitCode.Model));
    }

    [Fact]
    public async Task A_truncated_checkpoint_is_one_line()
    {
        using var folder = new TemporaryFolder();
        var file = Directory.GetFiles(TestModels.WhisperBase, "*.safetensors").Order(StringComparer.Ordinal).First();
        LinkModel(folder, name => name != Path.GetFileName(file));
        using (var source = File.OpenRead(file))
        {
            var part = new byte[1_000_000];
            source.ReadExactly(part);
            folder.Write(Path.GetFileName(file), part);
        }
        var run = await CommandRun.OfAsync("transcribe", TestRecordings.Jfk, "-m", folder.Path);
        Assert.Contains(Path.GetFileName(file), run.AssertOneLine(ExitCode.Model));
    }

    [Fact]
    public async Task A_full_disk_is_one_line()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "This system has no /dev/full.");
        var run = await TranscribeAsync(TestRecordings.Jfk, "-o", "/dev/full");
        Assert.Equal("earshot: cannot write '/dev/full': No space left on device", run.AssertOneLine(ExitCode.SomeFailed));
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_is_one_line()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("file", []);
        var run = await TranscribeAsync(TestRecordings.Jfk, "-o", Path.Combine(file, "out.txt"));
        Assert.StartsWith($"earshot: cannot write '{Path.Combine(file, "out.txt")}': ", run.AssertOneLine(ExitCode.SomeFailed));
        Assert.Equal(["file"], folder.Files());
    }

    static string LinkModel(TemporaryFolder folder, Func<string, bool> wanted)
    {
        var model = TestModels.WhisperBase;
        foreach (var file in Directory.GetFiles(model).Where(file => wanted(Path.GetFileName(file))))
            File.CreateSymbolicLink(folder[Path.GetFileName(file)], file);
        return model;
    }

    static Task<CommandRun> TranscribeAsync(params string[] args) =>
        CommandRun.OfAsync(["transcribe", .. args, "-m", TestModels.WhisperBase, "--beam-size", "1", "--temperature", "0"]);
}
