using Earshot.Checkpoints;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Models;
using Earshot.Recognition;
using Earshot.Tests.Models;
using Earshot.Transcription;

namespace Earshot.Tests.Recognition;

/// <summary>NeMo's tiny models from their archives to a transcript with words and times.</summary>
public sealed class ConformerTranscriptionTests
{
    const double SecondsPerPosition = 0.08;

    [Theory]
    [InlineData("hybrid")]
    [InlineData("tdt")]
    public async Task Text_and_times_of_words_are_the_references(string name)
    {
        using var outputs = ConformerGoldens.Outputs(name);
        var expected = outputs.RootElement.GetProperty("a.transducer")[0];
        var transcript = await TranscribeAsync(name);
        Assert.Equal(expected.GetProperty("text").GetString(), transcript.Text.Trim());
        var words = transcript.Segments.SelectMany(segment => segment.Words!).ToList();
        var golden = expected.GetProperty("word").EnumerateArray().ToList();
        Assert.Equal(golden.Select(word => word.GetProperty("word").GetString()!.Trim()), words.Select(word => word.Text.Trim()));
        for (int i = 0; i < words.Count; i++)
        {
            Assert.Equal(golden[i].GetProperty("start_offset").GetInt32() * SecondsPerPosition, words[i].Start.TotalSeconds, 0.0401);
            Assert.Equal(golden[i].GetProperty("end_offset").GetInt32() * SecondsPerPosition, words[i].End.TotalSeconds, 0.0801);
            Assert.InRange(words[i].Probability, 0, 1);
        }
    }

    [Theory]
    [InlineData("fastconformer-ctc")]
    [InlineData("conformer-ctc")]
    public async Task Text_of_a_head_is_the_reference_s(string name)
    {
        using var outputs = ConformerGoldens.Outputs(name);
        var transcript = await TranscribeAsync(name);
        Assert.Equal(outputs.RootElement.GetProperty("a.ctc")[0].GetProperty("text").GetString(), transcript.Text.Trim());
    }

    [Theory]
    [InlineData("hybrid")]
    [InlineData("tdt")]
    public async Task A_search_writes_the_same_alone_and_in_company(string name)
    {
        var model = ModelFamilies.Open(new ModelFolder(ConformerGoldens.ModelPath(name)));
        using var weights = new ModelFolder(ConformerGoldens.ModelPath(name)).OpenWeights();
        using var runtime = new CpuModelRuntime(model.Parts, model.Prepare(weights));
        var (features, frames) = ConformerGoldens.Features(model, ConformerGoldens.Audio("a"));
        using var audio = runtime.Encode(features, frames);
        async Task<IReadOnlyList<TransducerToken>> SearchAsync(int beams)
        {
            using var stream = runtime.Transducer!.Begin(beams);
            return await stream.DecodeAsync(audio, TestContext.Current.CancellationToken);
        }
        var alone = await SearchAsync(4);
        var together = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(() => SearchAsync(4))));
        Assert.All(together, tokens => Assert.Equal(alone, tokens));
        Assert.NotEmpty(alone);
        Assert.All(alone.Zip(alone.Skip(1)), pair => Assert.True(pair.First.Position <= pair.Second.Position));
        using var recognizer = Recognizers.For(model, new CpuModelRuntime(model.Parts, model.Prepare(weights)));
        var transcript = await new RecordingTranscriber(recognizer).TranscribeToEndAsync(
            new MemorySamples(ConformerGoldens.Audio("a")), new() { TransducerBeamSize = 4 },
            cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(model.RequireTokenizer().Decode([.. alone.Select(token => token.Id)]).Trim(), transcript.Text.Trim());
    }

    [Theory]
    [InlineData("tdt")]
    [InlineData("fastconformer-ctc")]
    public async Task A_long_recording_is_heard_as_a_whole(string name)
    {
        // Seven minutes, which are longer than what sees everything; the encoder alone, over features of the whole.
        float[] spoken = ConformerGoldens.Audio("a"), silence = new float[7_000];
        float[] samples = [.. Enumerable.Repeat((float[])[.. spoken, .. silence], 220).SelectMany(part => part)];
        var folder = new ModelFolder(ConformerGoldens.ModelPath(name));
        var model = ModelFamilies.Open(folder);
        using var weights = folder.OpenWeights();
        using var runtime = new CpuModelRuntime(model.Parts, model.Prepare(weights));
        var (features, frames) = ConformerGoldens.Features(model, samples);
        using var audio = runtime.Encode(features, frames);
        IReadOnlyList<int> tokens;
        if (runtime.Transducer is { } transducer)
        {
            using var stream = transducer.Begin();
            tokens = [.. (await stream.DecodeAsync(audio, TestContext.Current.CancellationToken)).Select(token => token.Id)];
        }
        else
        {
            var head = model.Parts.Ctc!;
            tokens = [.. new CtcGreedyDecoder(head.VocabSize, head.Blank).Decode(audio.Values.Span).Select(token => token.Id)];
        }
        using var recognizer = Recognizers.For(model, new CpuModelRuntime(model.Parts, model.Prepare(weights)));
        Assert.True(recognizer.HearsLong);
        var transcript = await new RecordingTranscriber(recognizer).TranscribeToEndAsync(
            new MemorySamples(samples), cancellationToken: TestContext.Current.CancellationToken);
        Assert.True(frames > 5 * 60 * 100 && tokens.Count > 200);
        Assert.Equal(model.RequireTokenizer().Decode([.. tokens]).Trim(), transcript.Text.Trim());
    }

    [Fact]
    public async Task A_quantised_folder_of_an_archive_writes_like_it()
    {
        using var folder = new TemporaryFolder();
        CheckpointQuantizer.Run(
            ConformerGoldens.ModelPath("tdt"), folder.File("int8"), new QuantizationOptions { Format = WeightFormat.Int8 });
        var model = ModelFamilies.Open(folder.File("int8"));
        Assert.Equal(["config.json", "model.safetensors", "tokenizer.model"], Directory.EnumerateFiles(folder.File("int8"))
            .Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal((257, 256), (model.Parts.Transducer!.Shape.VocabSize, model.RequireTokenizer().VocabSize));
        Assert.NotEmpty((await TranscribeAsync(new ModelFolder(folder.File("int8")))).Text);
    }

    static Task<Transcript> TranscribeAsync(string name) => TranscribeAsync(new ModelFolder(ConformerGoldens.ModelPath(name)));

    static async Task<Transcript> TranscribeAsync(ModelFolder folder)
    {
        var model = ModelFamilies.Open(folder);
        using var weights = folder.OpenWeights();
        using var recognizer = Recognizers.For(model, new CpuModelRuntime(model.Parts, model.Prepare(weights)));
        var transcriber = new RecordingTranscriber(
            recognizer, () => throw new InvalidOperationException("Nobody asked for a speech detector."));
        return await transcriber.TranscribeToEndAsync(
            new MemorySamples(ConformerGoldens.Audio("a")), new TranscriptionOptions { WordTimestamps = true });
    }
}
