using System.Text.Json;
using Earshot.Audio;
using Earshot.Cli.Listening;

namespace Earshot.Cli.Tests;

public class ListenTests
{
    [Fact]
    public async Task A_recording_is_heard_and_everything_is_written()
    {
        using var folder = new TemporaryFolder();
        var (srt, text, sound) = (folder["talk.srt"], folder["talk.txt"], folder["talk.flac"]);
        var run = await CommandRun.OfAsync(
            "listen", Recordings.Jfk, "--policy", "turns", "--language", "en", "-o", srt, "-o", text, "--save", sound);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("ask not what your country can do for you", Plain(run.Output), StringComparison.Ordinal);
        Assert.Equal(run.Output, await File.ReadAllTextAsync(text));
        Assert.StartsWith("1\n00:00:0", await File.ReadAllTextAsync(srt), StringComparison.Ordinal);
        Assert.Equal(AudioFile.Load(Recordings.Jfk), AudioFile.Load(sound));

        var again = await CommandRun.OfAsync("listen", Recordings.Jfk, "-o", text);
        Assert.Contains("is there already; --overwrite replaces it.", again.AssertOneLine(ExitCode.SomeFailed), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Samples_without_a_header_come_as_lines_of_json()
    {
        var samples = AudioFile.Load(Recordings.Jfk);
        var bytes = new byte[2 * samples.Length];
        for (int i = 0; i < samples.Length; i++) BitConverter.TryWriteBytes(bytes.AsSpan(2 * i), (short)(samples[i] * 32767));
        var run = await CommandRun.OfAsync(
            ["listen", "-", "--raw", "s16le,16000", "--policy", "turns", "--json"], new MemoryStream(bytes));
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("taken for s16le at 16000 Hz", run.Error, StringComparison.Ordinal);
        var lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement).ToList();
        string Text(string type) => string.Concat(lines.Where(line => line.GetProperty("type").GetString() == type)
            .Select(line => line.GetProperty("text").GetString()));
        Assert.Contains("ask not what your country can do for you", Plain(Text("final")), StringComparison.Ordinal);
        Assert.Equal(Text("final"), Text("segment"));
        Assert.Equal("end", lines[^1].GetProperty("type").GetString());
    }

    [Fact]
    public async Task A_user_who_ends_it_gets_what_was_said()
    {
        using var folder = new TemporaryFolder();
        using var stop = new CancellationTokenSource();
        // Sound comes for four seconds, then the user ends it while more is waited for.
        var sound = new PausedSound(AudioFile.Load(Recordings.Jfk).AsSpan(0, 64_000), stop.Cancel);
        var file = folder["talk.json"];
        var run = await CommandRun.OfAsync(
            ["listen", "-", "--raw", "s16le,16000", "--policy", "turns", "--language", "en", "-o", file], sound, stop.Token);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("fellow", run.Output, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(file));
        Assert.Equal(run.Output.Trim().Replace('\n', ' '), json.RootElement.GetProperty("text").GetString()!.Trim());
    }

    [Theory]
    [InlineData("listen talk.wav --source mic", "--source and --input are for recording")]
    [InlineData("listen --pace", "--pace is for recordings")]
    [InlineData("listen - --raw mp3,16000", "--raw is 'mp3,16000'; expected ENCODING,RATE[,CHANNELS]")]
    [InlineData("listen - --raw s16le,0", "--raw is 's16le,0'")]
    [InlineData("listen --policy turns --latency 400 -", "--policy and --latency exclude each other")]
    public async Task Wrong_options_are_said_in_one_line(string commandLine, string expected)
    {
        var run = await CommandRun.OfAsync(commandLine.Split(' '));
        Assert.Contains(expected, run.AssertOneLineAfter("is taken for", ExitCode.Usage), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("one two", " three", 20, "one two", " three")]
    [InlineData("one two", " three", 10, "…two", " three")]
    [InlineData("one two", " three", 4, "", "…ree")]
    [InlineData("東京都", "", 5, "…京都", "")]
    public void Captions_are_cut_to_one_row(string settled, string open, int width, string expectedSettled, string expectedOpen) =>
        Assert.Equal((expectedSettled, expectedOpen), TerminalCaptions.Fit(settled, open, width));

    // Each turn is a line.
    static string Plain(string text) =>
        string.Concat(text.ToLowerInvariant().Select(c => c == '\n' ? ' ' : c).Where(c => char.IsLetter(c) || c == ' '));

    /// <summary>A pipe that gives its sound, tells so, and then nothing.</summary>
    sealed class PausedSound : Stream
    {
        readonly MemoryStream _bytes = new();
        readonly Action _given;

        public PausedSound(ReadOnlySpan<float> samples, Action given)
        {
            _given = given;
            foreach (float sample in samples) _bytes.Write(BitConverter.GetBytes((short)(sample * 32767)));
            _bytes.Position = 0;
        }

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int count = _bytes.Read(buffer.Span);
            if (count > 0) return count;
            _given();
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return 0;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override void Flush() { }
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
