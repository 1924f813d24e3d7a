using Earshot.Decoding;
using Earshot.Recognition;
using Earshot.Tests.Models;
using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

/// <summary>When words are said, by the real model in float32, against the reference's alignment.</summary>
public class GoldenWordTests
{
    /// <summary>One step of the alignment, and a little for the decimals.</summary>
    const double Step = 0.02 + 1e-6;

    static readonly WordAligner s_aligner = new(WhisperBase.Tokenizer);

    [Fact]
    public void The_alignment_and_its_path_are_the_references()
    {
        int[] text = WhisperGoldens.Tokens(WhisperGoldens.Clip("words.json", "jfk.wav"), "text_tokens");
        int[] tokens = [50258, 50259, 50359, 50363, .. text, 50257];
        using var decoder = WhisperBase.Exact.CreateDecoder(WhisperBase.Jfk, 1);
        var attention = decoder.Align(tokens, new float[tokens.Length * decoder.VocabSize]);
        var (expected, shape) = NpyFile.Read(WhisperGoldens.Array("jfk.alignment_matrix.npy"));
        Assert.Equal([text.Length + 1, 550], shape);
        var matrix =
            AlignmentMatrix.Compute(attention, tokens.Length, WhisperBase.Jfk.Positions, 550).AsSpan(3 * 550, expected.Length).ToArray();
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], matrix[i], 5e-3f);

        var (path, length) = NpyFile.Read(WhisperGoldens.Array("jfk.alignment_path.npy"));
        var rows = path[..length[1]];
        int[] first = [.. Enumerable.Range(0, shape[0]).Select(row => (int)path[length[1] + Array.IndexOf(rows, row)])];
        Assert.Equal(first, DynamicTimeWarping.FirstFrames(matrix, shape[0], 550));
    }

    [Theory]
    [InlineData("jfk.wav")]
    [InlineData("kerstin-de_rhasspy-0893.flac")]
    [InlineData("nathalie-nl_rhasspy_231.flac")]
    public void Words_are_said_when_the_reference_hears_them(string clip) => CheckAlignment(clip);

    [Trait("Run", "Long"), Theory(Explicit = true)]
    [InlineData("librispeech-test-clean-1089-134686-0000.wav")]
    [InlineData("librispeech-train-clean-2136-5140-0000.wav")]
    [InlineData("kerstin-de_rhasspy-0198.flac")]
    public Task More_words_are_said_when_the_reference_hears_them(string clip)
    {
        CheckAlignment(clip);
        return CheckTranscript(clip);
    }

    static void CheckAlignment(string clip)
    {
        var golden = WhisperGoldens.Clip("words.json", clip);
        using var encoded = clip == "jfk.wav" ? null : WhisperBase.Encode(WhisperBase.Samples(clip));
        var audio = encoded ?? WhisperBase.Jfk;
        using var decoder = WhisperBase.Exact.CreateDecoder(audio, 1);
        var options = new DecodingOptions { BeamSize = 1, BestOf = 1, Language = golden.GetProperty("language").GetString() };
        var words = RuntimeCalls.Wait(s_aligner.AlignAsync(
            decoder.Generation, WhisperGoldens.Tokens(golden, "text_tokens"), options,
            new AlignedAudio(audio.Positions, golden.GetProperty("num_frames").GetInt32()), default));
        var expected = golden.GetProperty("alignment").EnumerateArray().ToList();
        Assert.Equal(expected.Select(word => word.GetProperty("word").GetString()), words.Select(word => word.Text));
        foreach (var (word, found) in expected.Zip(words))
        {
            Times(word.GetProperty("start").GetDouble(), word.GetProperty("end").GetDouble(), found.Start, found.End, found.Text);
            Assert.Equal(word.GetProperty("probability").GetDouble(), found.Probability, WhisperGoldens.ProbabilityTolerance);
        }

        var defaults = new TranscriptionOptions();
        WordTimes.MergePunctuation(words, defaults.PrependPunctuations, defaults.AppendPunctuations);
        var merged = words.Where(word => word.Text.Length > 0).ToList();
        expected = [.. golden.GetProperty("merged").EnumerateArray()];
        Assert.Equal(expected.Select(word => word.GetProperty("word").GetString()), merged.Select(word => word.Text));
        foreach (var (word, found) in expected.Zip(merged))
            Times(word.GetProperty("start").GetDouble(), word.GetProperty("end").GetDouble(), found.Start, found.End, found.Text);
    }

    [Theory]
    [InlineData("jfk.wav")]
    [InlineData("kerstin-de_rhasspy-0893.flac")]
    [InlineData("nathalie-nl_rhasspy_231.flac")]
    public Task A_whole_run_reports_the_words_of_the_references(string clip) => CheckTranscript(clip);

    static async Task CheckTranscript(string clip)
    {
        var golden = WhisperGoldens.Clip("words.json", clip);
        var options = new TranscriptionOptions
        {
            Language = golden.GetProperty("language").GetString(),
            ConditionOnPreviousText = false,
            WordTimestamps = true,
            Decoding = new() { BeamSize = 1 },
            Fallback = new() { Temperatures = [0] },
        };
        var transcript = await new RecordingTranscriber(new WhisperRecognizer(WhisperBase.Model, WhisperBase.Exact))
            .TranscribeToEndAsync(new MemorySamples(WhisperBase.Samples(clip)), options);
        var expected = golden.GetProperty("transcribe").EnumerateArray().ToList();
        Assert.Equal(
            expected.Select(segment => segment.GetProperty("text").GetString()), transcript.Segments.Select(segment => segment.Text));
        foreach (var (segment, found) in expected.Zip(transcript.Segments))
        {
            Times(
                segment.GetProperty("start").GetDouble(), segment.GetProperty("end").GetDouble(), found.Start.TotalSeconds,
                found.End.TotalSeconds, found.Text);
            var words = segment.GetProperty("words").EnumerateArray().ToList();
            Assert.Equal(words.Select(word => word[0].GetString()), found.Words!.Select(word => word.Text));
            foreach (var (word, heard) in words.Zip(found.Words!))
            {
                Times(word[1].GetDouble(), word[2].GetDouble(), heard.Start.TotalSeconds, heard.End.TotalSeconds, heard.Text);
                Assert.Equal(word[3].GetDouble(), heard.Probability, WhisperGoldens.ProbabilityTolerance);
            }
        }
    }

    static void Times(double expectedStart, double expectedEnd, double start, double end, string text)
    {
        Assert.True(
            Math.Abs(start - expectedStart) <= Step && Math.Abs(end - expectedEnd) <= Step,
            $"'{text}' is said from {start:0.00} to {end:0.00} s; the reference has {expectedStart:0.00} to {expectedEnd:0.00}");
    }
}
