namespace Earshot.Audio;

/// <summary>Recordings that came out wrong somewhere, with what is right.</summary>
public class AudioCaseTests
{
    const int SentenceFrames = 33_360;

    [Theory]
    [InlineData("rifx.wav")]
    [InlineData("list_odd_unpadded.wav")]
    [InlineData("wav-24-in-32.wav")]
    [InlineData("truncated.wav", "ends 6.3 s (200160 bytes) before its header says")]
    [InlineData("antiphase.wav", "opposite phase; channel 0 is heard alone")]
    [InlineData("md5_wrong.flac", "the decoded samples have MD5")]
    [InlineData("trailing-tag.flac")]
    public void The_sentence_is_there_sample_for_sample(string file, string? warning = null)
    {
        var (samples, warnings) = Load(file);

        Assert.Equal(AudioFile.Load(TestData.Require("cases/one-sentence.wav")), samples);
        if (warning is null) Assert.Empty(warnings);
        else Assert.Contains(warning, Assert.Single(warnings).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_frame_is_silent_and_the_rest_is_in_its_place()
    {
        var expected = AudioFile.Load(TestData.Require("cases/one-sentence.wav"));

        var (samples, warnings) = Load("damaged-frame.flac");

        Assert.Equal(SentenceFrames, samples.Length);
        var wrong = Enumerable.Range(0, samples.Length).Where(i => samples[i] != expected[i]).ToList();
        Assert.InRange(wrong[^1] - wrong[0], 1000, 1152);
        Assert.All(wrong, i => Assert.Equal(0, samples[i]));
        Assert.Contains("has check sum", Assert.Single(warnings).Message, StringComparison.Ordinal);
        Assert.Throws<AudioFormatException>(
            () => AudioFile.Load(TestData.Require("cases/damaged-frame.flac"), new AudioReadOptions { Strict = true }));
    }

    [Fact]
    public void A_truncated_FLAC_is_read_as_far_as_it_goes()
    {
        var (samples, warnings) = Load("truncated.flac");

        Assert.Equal(AudioFile.Load(TestData.Require("cases/one-sentence.wav"))[..samples.Length], samples);
        Assert.InRange(samples.Length, 13_000, 14_000);
        Assert.Contains("The last 1.2 s are missing.", Assert.Single(warnings).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("junk_first.mp3", 33_360, false)]
    [InlineData("wav-mp3.wav", 34_560, false)]
    [InlineData("wav-gsm.wav", 33_920, true)]
    [InlineData("wav-ima-adpcm.wav", 34_697, true)]
    [InlineData("nist-sphere.sph", 33_360, true)]
    [InlineData("avchd.m2ts", 34_816, true)]
    public void Other_formats_give_the_sentence(string file, int frames, bool isAskedOfProgram)
    {
        Assert.SkipUnless(!isAskedOfProgram || FfmpegReader.IsAvailable, "The ffmpeg program is not on the PATH.");
        var (samples, _) = Load(file);

        Assert.InRange(samples.Length, frames - 2100, frames + 2100);
        Assert.InRange(Math.Sqrt(samples.Average(x => (double)x * x)), 0.01, 0.2);
    }

    [Fact]
    public void Sound_that_starts_late_has_silence_before_it()
    {
        Assert.SkipUnless(FfmpegReader.IsAvailable, "The ffmpeg program is not on the PATH.");
        var (samples, _) = Load("audio-starts-late.mkv");

        Assert.Equal(-1, samples.AsSpan(0, (int)(4.9 * 16000)).IndexOfAnyExcept(0f));
        Assert.InRange(samples.Length / 16000.0, 4.936 + 10.9, 4.936 + 11.2);
    }

    [Fact]
    public void A_video_without_sound_is_called_that()
    {
        Assert.SkipUnless(FfmpegReader.IsAvailable, "The ffmpeg program is not on the PATH.");

        var message = Assert.Throws<AudioFormatException>(() => Load("no-sound.mp4")).Message;

        Assert.EndsWith("this MP4/M4A has no sound track. Check that it is the right file.", message, StringComparison.Ordinal);
    }

    static (float[] Samples, List<AudioWarning> Warnings) Load(string file)
    {
        var warnings = new List<AudioWarning>();
        return (AudioFile.Load(TestData.Require($"cases/{file}"), new AudioReadOptions { OnWarning = warnings.Add }), warnings);
    }
}
