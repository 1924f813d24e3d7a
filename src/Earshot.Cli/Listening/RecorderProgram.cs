namespace Earshot.Cli.Listening;

/// <summary>What is recorded.</summary>
internal enum RecordedSound { Microphone, System }

/// <summary>
/// A program that records and is there on many machines; it is asked for 16 kHz, one channel, 16 bits on its output.
/// </summary>
internal sealed record RecorderProgram(string Name, Func<RecordedSound, string?, IReadOnlyList<string>?> Arguments)
{
    const string Rate = "16000";

    /// <summary>In the order in which they are looked for; arguments are null where a program cannot record that.</summary>
    public static IReadOnlyList<RecorderProgram> All { get; } =
    [
        new("pw-record", PipeWire), new("parec", PulseAudio), new("arecord", Alsa), new("ffmpeg", Ffmpeg),
    ];

    /// <summary>The commands that list devices, by program.</summary>
    public static IReadOnlyList<(string Program, string[] Arguments)> Lists { get; } =
    [
        ("pactl", ["list", "short", "sources"]), ("wpctl", ["status"]), ("arecord", ["-L"]),
        ("ffmpeg", OperatingSystem.IsMacOS() ? ["-hide_banner", "-f", "avfoundation", "-list_devices", "true", "-i", ""]
            : OperatingSystem.IsWindows() ? ["-hide_banner", "-f", "dshow", "-list_devices", "true", "-i", "dummy"]
            : ["-hide_banner", "-sources", "alsa"]),
    ];

    /// <summary>Where a program is; null where it is not on the path.</summary>
    public static string? Find(string program)
    {
        var name = OperatingSystem.IsWindows() ? $"{program}.exe" : program;
        return (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Join(folder, name)).FirstOrDefault(File.Exists);
    }

    /// <summary>What to do where the computer's sound cannot be recorded without more.</summary>
    public static string HowToRecordSystem =>
        OperatingSystem.IsMacOS() ? "install a loopback device such as BlackHole, send the sound to it, and name it with --input"
        : OperatingSystem.IsWindows() ? "switch on 'Stereo Mix', or install a loopback device such as VB-Cable, and name it with --input"
        : "install pw-record (PipeWire) or parec (PulseAudio)";

    static List<string> PipeWire(RecordedSound sound, string? device)
    {
        List<string> arguments = ["--rate", Rate, "--channels", "1", "--format", "s16"];
        if (device is not null) arguments.AddRange(["--target", device]);
        else if (sound == RecordedSound.System) arguments.AddRange(["-P", "{ stream.capture.sink=true }"]);
        arguments.Add("-");
        return arguments;
    }

    static List<string> PulseAudio(RecordedSound sound, string? device)
    {
        List<string> arguments = [$"--rate={Rate}", "--channels=1", "--format=s16le", "--latency-msec=50"];
        if ((device ?? (sound == RecordedSound.System ? "@DEFAULT_MONITOR@" : null)) is { } chosen) arguments.Add($"--device={chosen}");
        return arguments;
    }

    static List<string>? Alsa(RecordedSound sound, string? device)
    {
        if (sound == RecordedSound.System && device is null) return null;
        List<string> arguments = ["-q", "-t", "raw", "-f", "S16_LE", "-r", Rate, "-c", "1"];
        if (device is not null) arguments.AddRange(["-D", device]);
        return arguments;
    }

    static IReadOnlyList<string>? Ffmpeg(RecordedSound sound, string? device)
    {
        if (sound == RecordedSound.System && device is null) return null;
        string[]? input = OperatingSystem.IsMacOS() ? ["-f", "avfoundation", "-i", $":{device ?? "default"}"]
            : OperatingSystem.IsWindows() ? device is null ? null : ["-f", "dshow", "-i", $"audio={device}"]
            : ["-f", "alsa", "-i", device ?? "default"];
        return input is null
            ? null
            :
            [
                "-hide_banner", "-loglevel", "error", "-nostdin", .. input, "-ar", Rate, "-ac", "1", "-f", "s16le",
                "-flush_packets", "1", "-",
            ];
    }
}
