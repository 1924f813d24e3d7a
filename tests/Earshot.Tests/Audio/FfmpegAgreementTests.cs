using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Earshot.Audio;

/// <summary>Our decoders beside ffmpeg's: the same number of samples, and the same samples but for rounding.</summary>
public sealed class FfmpegAgreementTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("earshot-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // Floats of another order of operations; layer II by tables of 16 bits; Opus' CELT by fixed point of 16 bits.
    [Theory]
    [InlineData("mp3", 44100, 2, "-c:a libmp3lame -b:a 128k", 1e-5)]
    [InlineData("mp3", 44100, 2, "-c:a libmp3lame -b:a 64k -joint_stereo 1", 1e-5)]
    [InlineData("mp3", 44100, 1, "-c:a libmp3lame -b:a 96k -write_xing 0", 1e-5)]
    [InlineData("mp3", 22050, 2, "-c:a libmp3lame -q:a 6", 1e-5)]
    [InlineData("mp3", 16000, 1, "-c:a libmp3lame -b:a 32k", 1e-5)]
    [InlineData("mp3", 12000, 1, "-c:a libmp3lame -b:a 24k", 1e-5)]
    [InlineData("mp3", 11025, 2, "-c:a libmp3lame -b:a 32k", 1e-5)]
    [InlineData("mp2", 44100, 2, "-c:a mp2 -b:a 192k", 1e-4)]
    [InlineData("mp2", 24000, 1, "-c:a mp2 -b:a 48k", 1e-4)]
    [InlineData("ogg", 44100, 2, "-c:a libvorbis -q:a 3", 1e-5)]
    [InlineData("ogg", 8000, 1, "-c:a libvorbis", 1e-5)]
    [InlineData("ogg", 48000, 6, "-c:a libvorbis -q:a 3", 1e-5)]
    [InlineData("opus", 48000, 2, "-c:a libopus -b:a 64k", 2e-3, "libopus")]
    [InlineData("opus", 16000, 1, "-c:a libopus -b:a 16k -application voip", 1e-4, "libopus")]
    [InlineData("opus", 16000, 1, "-c:a libopus -b:a 12k -frame_duration 60 -application voip", 1e-4, "libopus")]
    [InlineData("opus", 48000, 6, "-c:a libopus -b:a 256k -mapping_family 1", 2e-3, "libopus")]
    [InlineData("opus", 48000, 1, "-c:a libopus -frame_duration 2.5 -application lowdelay", 2e-3, "libopus")]
    public void Decodes_as_ffmpeg_does(string extension, int rate, int channels, string options, double tolerance, string? decoder = null)
    {
        var (path, expected) = Encode(extension, rate, channels, options, decoder);

        using var reader = AudioReader.Open(path, new AudioReadOptions { Strict = true });
        var samples = Readers.ReadAll(reader);

        Assert.DoesNotContain("ffmpeg", reader.Format, StringComparison.Ordinal);
        Assert.Equal(channels, reader.Channels);
        Assert.Equal(expected.Length, samples.Length);
        if (reader.TotalFrames is { } frames) Assert.Equal(expected.Length / channels, frames);
        Assert.InRange(samples.Zip(expected, (a, b) => Math.Abs(a - b)).Max(), 0, tolerance);
    }

    // Above 15 kHz the library leaves out gains of short blocks' windows; nothing that is heard at 16 kHz depends on them.
    [Theory]
    [InlineData(48000, "-c:a libmp3lame -q:a 4")]
    [InlineData(44100, "-c:a libmp3lame -q:a 2")]
    public void Speech_of_an_MP3_is_as_ffmpeg_decodes_it(int rate, string options)
    {
        var (path, expected) = Encode("mp3", rate, 1, options, decoder: null);

        var samples = AudioFile.Load(path, new AudioReadOptions { Strict = true });

        Assert.Equal(Resampler.Resample(expected, rate).Length, samples.Length);
        Assert.InRange(samples.Zip(Resampler.Resample(expected, rate), (a, b) => Math.Abs(a - b)).Max(), 0, 1e-4);
    }

    [Fact]
    public void The_lowest_rate_of_MPEG_2_5_is_asked_of_the_program()
    {
        var wav = Path.Combine(_folder, "in.wav");
        var path = Path.Combine(_folder, "coded.mp3");
        WavWriter.Write(wav, Signal(8000, 1, 9000), 8000, 1);
        Run(["-i", wav, "-c:a", "libmp3lame", "-b:a", "16k", path], "libmp3lame");

        using var reader = AudioReader.Open(path);

        Assert.Equal("MP3, through ffmpeg", reader.Format);
        Assert.Equal(9000, Readers.ReadAll(reader).Length);
    }

    /// <summary>Tones that swell and sudden noise, so that blocks of every length are coded; each channel its own.</summary>
    static float[] Signal(int rate, int channels, int frames)
    {
        var random = new Random(7);
        return [.. Enumerable.Range(0, frames * channels).Select(i =>
        {
            var (time, channel) = (i / channels / (double)rate, i % channels);
            var tone = 0.3 * (0.5 + (0.5 * Math.Sin(20 * time))) * Math.Sin(2 * Math.PI * (330 + (90 * channel)) * time);
            return (float)(tone + ((time % 0.3 < 0.02 ? 0.3 : 0.01) * (random.NextDouble() - 0.5)));
        })];
    }

    /// <summary>A file that ffmpeg encoded, and the samples that it decodes from it.</summary>
    (string Path, float[] Expected) Encode(string extension, int rate, int channels, string options, string? decoder)
    {
        var wav = Path.Combine(_folder, "in.wav");
        WavWriter.Write(wav, Signal(rate, channels, (rate * 5 / 4) + 7), rate, channels);
        var path = Path.Combine(_folder, "coded." + extension);
        Run(["-i", wav, .. options.Split(' '), path], options);
        var decoded = Path.Combine(_folder, "decoded.f32");
        Run([.. decoder is null ? (string[])[] : ["-c:a", decoder], "-i", path, "-f", "f32le", decoded], options);
        return (path, MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(decoded)).ToArray());
    }

    static void Run(string[] arguments, string what)
    {
        Assert.SkipUnless(FfmpegReader.IsAvailable, "The ffmpeg program is not on the PATH.");
        using var process = Process.Start(new ProcessStartInfo(FfmpegReader.FindProgram()!, ["-nostdin", "-v", "error", .. arguments]))!;
        process.WaitForExit();
        Assert.SkipUnless(process.ExitCode == 0, $"This ffmpeg cannot do {what}.");
    }
}
