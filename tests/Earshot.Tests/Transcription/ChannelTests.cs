using Earshot.Audio;
using Earshot.Evaluation.Metrics;
using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

public class ChannelTests
{
    static readonly string s_jfk = Path.Combine(TestData.RepositoryRoot, "samples", "audio", "jfk.wav");

    static readonly Transcript s_call = new()
    {
        Info = new TranscriptionInfo { Language = "en", Duration = TimeSpan.FromSeconds(4) },
        Segments = [Segment(0, 0, 2, " Hello.", 0), Segment(1, 1.5, 2.5, " Hi <you>!", 1), Segment(2, 2.5, 4, " How are you?", 0)],
    };

    [Theory]
    [InlineData(TranscriptFormat.Text, "Channel 0: Hello.\nChannel 1: Hi <you>!\nChannel 0: How are you?\n")]
    [InlineData(
        TranscriptFormat.Vtt,
        "WEBVTT\n\n00:00.000 --> 00:02.000\n<v Channel 0>Hello.\n\n00:01.500 --> 00:02.500\n<v Channel 1>Hi &lt;you>!\n\n" +
        "00:02.500 --> 00:04.000\n<v Channel 0>How are you?\n\n")]
    [InlineData(
        TranscriptFormat.Srt,
        "1\n00:00:00,000 --> 00:00:02,000\nChannel 0: Hello.\n\n2\n00:00:01,500 --> 00:00:02,500\nChannel 1: Hi <you>!\n\n3\n" +
        "00:00:02,500 --> 00:00:04,000\nChannel 0: How are you?\n\n")]
    [InlineData(
        TranscriptFormat.Tsv, "start\tend\ttext\tchannel\n0\t2000\tHello.\t0\n1500\t2500\tHi <you>!\t1\n2500\t4000\tHow are you?\t0\n")]
    [InlineData(
        TranscriptFormat.Csv, "start,end,text,channel\n0,2000,\"Hello.\",0\n1500,2500,\"Hi <you>!\",1\n2500,4000,\"How are you?\",0\n")]
    [InlineData(TranscriptFormat.Lrc, "[00:00.00]Channel 0: Hello.\n[00:01.50]Channel 1: Hi <you>!\n[00:02.50]Channel 0: How are you?\n")]
    [InlineData(TranscriptFormat.Ctm, "call 1 0.00 2.00 Hello. 0.90\ncall 2 1.50 1.00 Hi<you>! 0.90\ncall 1 2.50 1.50 Howareyou? 0.90\n")]
    public void Every_format_names_the_channel(TranscriptFormat format, string expected) =>
        Assert.Equal(
            expected, TranscriptWriter.ToText(s_call, format, new TranscriptWriterOptions { ByChannel = true, Recording = "call" }));

    [Fact]
    public void Json_names_the_channel_of_segments_and_words()
    {
        var text = TranscriptWriter.ToText(s_call, TranscriptFormat.VerboseJson, new TranscriptWriterOptions { ByChannel = true });
        using var json = System.Text.Json.JsonDocument.Parse(text);
        Assert.Equal([0, 1, 0], json.RootElement.GetProperty("segments").EnumerateArray()
            .Select(segment => segment.GetProperty("channel").GetInt32()));
        Assert.Equal(
            [0, 1, 0], json.RootElement.GetProperty("words").EnumerateArray().Select(word => word.GetProperty("channel").GetInt32()));
    }

    [Fact]
    public void A_cue_holds_words_of_one_channel() => Assert.Equal(
        "1\n00:00:00,000 --> 00:00:02,000\nChannel 0: Hello.\n\n2\n00:00:01,500 --> 00:00:02,500\nChannel 1: Hi <you>!\n\n3\n" +
        "00:00:02,500 --> 00:00:04,000\nChannel 0: How are you?\n\n",
        TranscriptWriter.ToText(s_call, TranscriptFormat.Srt, new TranscriptWriterOptions { MaxLineWidth = 40, MaxLineCount = 2 }));

    [Fact]
    public async Task Segments_of_channels_come_in_the_order_of_time()
    {
        var merged = new List<Segment>();
        await foreach (var segment in ChannelMerge.InTime([Give(0, 0, 4, 9), Give(1), Give(2, 1, 2, 20)])) merged.Add(segment);
        Assert.Equal([0, 1, 2, 4, 9, 20.0], merged.Select(segment => segment.Start.TotalSeconds));
        Assert.Equal([0, 2, 2, 0, 0, 2], merged.Select(segment => segment.Channel));
        Assert.Equal(Enumerable.Range(0, 6), merged.Select(segment => segment.Id));
    }

    [Fact]
    public async Task A_channel_that_fails_ends_all()
    {
        var error = await Assert.ThrowsAsync<ModelException>(async () =>
        {
            await foreach (var _ in ChannelMerge.InTime([Give(0, 0, 4, 9), Fail()])) { }
        });
        Assert.Equal("It failed.", error.Message);
    }

    [Fact]
    public void Channels_that_sound_alike_are_one()
    {
        var voice = AudioFile.Load(s_jfk);
        var silence = new float[voice.Length];
        float[] quieter = [.. voice.Select(sample => sample / 2)];
        Assert.Equal([0], Channels(voice, voice));
        Assert.Equal([0, 1, 3], Channels(voice, quieter, voice, silence, quieter));
        Assert.Equal([0], Channels(voice));
        Assert.Equal([0, 1], Channels(voice, silence));
    }

    [Fact]
    public async Task Who_speaks_in_which_channel_is_told()
    {
        var voice = AudioFile.Load(s_jfk);
        // One says the first half, the other, after a pause, the second: between them lies a pause of the recording.
        const int Middle = (int)(7.9 * 16_000);
        var first = new float[voice.Length];
        var second = new float[voice.Length];
        voice.AsSpan(0, Middle).CopyTo(first);
        voice.AsSpan(Middle).CopyTo(second.AsSpan(Middle));
        using var transcriber = await Transcriber.LoadAsync(
            TestModels.WhisperBase, cancellationToken: TestContext.Current.CancellationToken);
        using var stream = new MemoryStream(Wav(first, second));
        var options =
            new TranscriptionOptions { EachChannel = true, Vad = new VadOptions(), Language = "en", Decoding = new() { BeamSize = 1 } };
        var progress = new LastProgress();
        var segments = new List<Segment>();
        await foreach (var segment in transcriber.TranscribeAsync(stream, "call", options, progress, TestContext.Current.CancellationToken))
            segments.Add(segment);
        string Said(int channel) =>
            string.Concat(segments.Where(segment => segment.Channel == channel).Select(segment => segment.Text)).ToLowerInvariant();
        Assert.Contains("fellow americans", Said(0));
        Assert.DoesNotContain("for your country", Said(0));
        Assert.Contains("you can do for your country", Said(1));
        Assert.DoesNotContain("americans", Said(1));
        Assert.Equal(segments.OrderBy(segment => segment.Start).Select(segment => segment.Id), segments.Select(segment => segment.Id));
        Assert.True(segments.First(segment => segment.Channel == 1).Start >= TimeSpan.FromSeconds(7));
        Assert.Equal(11, progress.Info.Duration.TotalSeconds, 0.1);
    }

    [Fact]
    public async Task The_speakers_of_a_call_are_told_apart()
    {
        var call = AudioFile.Load(TestData.Require("audio/two-speakers.wav"));
        var turns = Rttm.Read(TestData.Require("audio/two-speakers.rttm"));
        string[] speakers = [.. turns.Select(turn => turn.Speaker).Distinct()];
        // A channel hears its speaker's turns; what both say at once is in both.
        float[][] channels = [.. speakers.Select(_ => new float[call.Length])];
        foreach (var turn in turns)
        {
            var place = (int)(turn.Start.TotalSeconds * 16_000)..(int)Math.Min(End(turn) * 16_000, call.Length);
            call.AsSpan()[place].CopyTo(channels[Array.IndexOf(speakers, turn.Speaker)].AsSpan()[place]);
        }
        using var transcriber = await Transcriber.LoadAsync(
            TestModels.WhisperBase, cancellationToken: TestContext.Current.CancellationToken);
        using var stream = new MemoryStream(Wav(channels));
        var options = new TranscriptionOptions
        {
            EachChannel = true,
            Vad = new VadOptions(),
            Language = "en",
            WordTimestamps = true,
            Decoding = new() { BeamSize = 1 },
        };
        var words = new List<(int Channel, Word Word)>();
        await foreach (var segment in transcriber.TranscribeAsync(
            stream, "call", options, cancellationToken: TestContext.Current.CancellationToken))
            words.AddRange(segment.Words!.Select(word => (segment.Channel!.Value, word)));
        Assert.Equal([0, 1], words.Select(word => word.Channel).Distinct().Order());
        int right = words.Count(word => turns.Any(turn =>
            turn.Speaker == speakers[word.Channel] && Middle(word.Word) >= turn.Start.TotalSeconds - 0.5
            && Middle(word.Word) <= End(turn) + 0.5));
        Assert.InRange(right, words.Count * 9 / 10, words.Count);
    }

    static double End(SpeakerTurn turn) => turn.End.TotalSeconds;

    static double Middle(Word word) => (word.Start + word.End).TotalSeconds / 2;

    static async IAsyncEnumerable<Segment> Give(int channel, params double[] starts)
    {
        foreach (double start in starts)
        {
            await Task.Yield();
            yield return Segment(0, start, start + 1, " word", channel);
        }
    }

    static async IAsyncEnumerable<Segment> Fail()
    {
        await Task.Yield();
        yield return Segment(0, 0, 1, " word", 1);
        throw new ModelException("It failed.");
    }

    static IReadOnlyList<int> Channels(params float[][] channels)
    {
        var wav = Wav(channels);
        using var recording = ChannelRecording.Open(
            audio => AudioReader.Open(new MemoryStream(wav), "call", audio), new AudioReadOptions());
        Assert.Equal(channels.Length, recording.Count);
        Assert.Equal(recording.Channels.Count, recording.Streams.Count);
        return recording.Channels;
    }

    static byte[] Wav(params float[][] channels)
    {
        var bytes = new MemoryStream();
        using (var writer = new BinaryWriter(bytes, System.Text.Encoding.ASCII, leaveOpen: true))
        {
            int data = channels[0].Length * channels.Length * 2;
            writer.Write("RIFF"u8);
            writer.Write(36 + data);
            writer.Write("WAVEfmt "u8);
            writer.Write(16);
            writer.Write((short)1);
            writer.Write((short)channels.Length);
            writer.Write(16_000);
            writer.Write(32_000 * channels.Length);
            writer.Write((short)(2 * channels.Length));
            writer.Write((short)16);
            writer.Write("data"u8);
            writer.Write(data);
            for (int i = 0; i < channels[0].Length; i++)
            {
                foreach (var channel in channels) writer.Write((short)(channel[i] * 32767));
            }
        }
        return bytes.ToArray();
    }

    static Segment Segment(int id, double start, double end, string text, int channel) => new()
    {
        Id = id,
        Start = TimeSpan.FromSeconds(start),
        End = TimeSpan.FromSeconds(end),
        Text = text,
        Channel = channel,
        Words = [new Word(text, TimeSpan.FromSeconds(start), TimeSpan.FromSeconds(end), 0.9f)],
    };
}
