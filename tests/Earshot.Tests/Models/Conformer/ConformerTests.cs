using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Models;
using Earshot.Tests.Speakers;

namespace Earshot.Tests.Models;

/// <summary>Conformers against NeMo, and Parakeets against transformers, with tiny models of the true structure.</summary>
public sealed class ConformerTests
{
    public static TheoryData<string, InstructionSet> Models()
    {
        var data = new TheoryData<string, InstructionSet>();
        foreach (var name in (string[])[.. ConformerGoldens.Nemo, "parakeet-tiny/ctc", "parakeet-tiny/rnnt", "parakeet-tiny/tdt"])
        {
            foreach (var set in (ReadOnlySpan<InstructionSet>)[InstructionSet.Portable, InstructionSet.Amx]) data.Add(name, set);
        }
        return data;
    }

    [Theory]
    [InlineData("conformer-ctc", true)]
    [InlineData("streaming", true)]
    [InlineData("parakeet-tiny/ctc", false)]
    [InlineData("parakeet-tiny/rnnt", false)]
    [InlineData("parakeet-tiny/tdt", false)]
    public void Features_match_the_reference(string name, bool byMel)
    {
        var model = ModelFamilies.Open(ConformerGoldens.ModelPath(name));
        var (expected, shape) = ConformerGoldens.Read(name, byMel ? "batch.features" : "batch.input_features");
        int mels = model.Features!.InputSize, allocated = byMel ? shape[2] : shape[1];
        for (int item = 0; item < 2; item++)
        {
            var (features, frames) = ConformerGoldens.Features(model, ConformerGoldens.Audio(item == 0 ? "a" : "b"));
            for (int frame = 0; frame < frames; frame++)
            {
                for (int mel = 0; mel < mels; mel++)
                {
                    int at = byMel ? (item * mels + mel) * allocated + frame : (item * allocated + frame) * mels + mel;
                    Assert.Equal(expected[at], features[frame * mels + mel], 5e-4f);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Encoder_matches_the_reference(string name, InstructionSet set)
    {
        foreach (var utterance in (string[])["a", "b"])
        {
            var (expected, shape) = ConformerGoldens.Read(name, $"{utterance}.encoded");
            var encoded = ConformerGoldens.Encode(name, ConformerGoldens.Audio(utterance), set);
            // The reference computes a position of padding too, where the last frame is one.
            Assert.InRange(shape[1] * 32 - encoded.Length, 0, 32);
            Recordings.Near(
                expected.AsSpan(0, encoded.Length), encoded, 1e-4 * expected.Max(Math.Abs), $"{name}, {utterance}, {set}");
        }
    }

    [Theory]
    [InlineData("long_full", -1, 0)]
    [InlineData("long_local", 8, 0)]
    [InlineData("long_global", 8, 1)]
    public void Windows_of_attention_match_the_reference(string file, int window, int globals)
    {
        const string name = "fastconformer-ctc";
        var audio = Recordings.Jfk(0, 128_000);
        var (expected, _) = ConformerGoldens.Read(name, $"{file}.encoded");
        foreach (var set in (ReadOnlySpan<InstructionSet>)[InstructionSet.Portable, InstructionSet.Amx])
        {
            var encoded = ConformerGoldens.Encode(name, audio, set, encoder => new ConformerEncoder(
                encoder.Config with { GlobalPositions = globals }, new AttentionContext(window, window)));
            // The last position is of padding.
            Recordings.Near(expected.AsSpan(0, encoded.Length), encoded, 1e-4 * expected.Max(Math.Abs), $"{file}, {set}");
            Assert.Equal(100 * 32, encoded.Length);
            // An hour goes in blocks of time.
            var inBlocks = ConformerGoldens.Encode(name, audio, set, encoder => new ConformerEncoder(
                encoder.Config with { GlobalPositions = globals }, new AttentionContext(window, window)), outputsOfBlock: 17);
            Recordings.Near(expected.AsSpan(0, encoded.Length), inBlocks, 1e-4 * expected.Max(Math.Abs), $"{file}, {set}, in blocks");
        }
    }

    [Theory]
    [InlineData("windows")]
    [InlineData("chunks")]
    public void Blocks_of_time_give_what_the_whole_gives(string name)
    {
        var config = new ConformerConfig
        {
            MelBins = 20,
            Size = 16,
            Layers = 2,
            Heads = 2,
            InnerSize = 512,
            SubsamplingChannels = 8,
            IsSubsamplingCausal = name == "chunks",
            IsConvolutionCausal = name == "chunks",
            HasLayerNorm = name == "chunks",
            Contexts = [name == "chunks" ? new AttentionContext(70, 6, IsChunked: true) : new AttentionContext(64, 32)],
        };
        var model = ConformerFamily.Describe(config, new ConformerHeads(), "small", "nemo");
        const int frames = 8 * 2345 + 3;
        var random = new Random(4);
        float[] features = [.. Enumerable.Range(0, frames * 20).Select(_ => random.NextSingle() * 2 - 1)];
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        var root = new Scope(model.Prepare(RandomTensors.For(model.Parts, model.PrepareWeights)));
        float[] Encode(int block, out long bytes)
        {
            using var backend = new CpuBackend(device) { OutputsOfBlock = block };
            float[] encoded = [.. CpuBackend.Read(
                model.Parts.Encoder!.Encode(backend.Input(features, new Shape(1, frames, 20)), root))];
            bytes = backend.TemporaryBytes;
            return encoded;
        }
        var whole = Encode(int.MaxValue, out long atOnce);
        Assert.Equal(model.Parts.Encoder!.PositionsOf(frames) * 16, whole.Length);
        Recordings.Near(whole, Encode(1000, out long inBlocks), 1e-5 * whole.Max(Math.Abs), name);
        Assert.True(inBlocks < atOnce, $"{inBlocks} bytes in blocks, {atOnce} at once");
        device.Unload(root);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Contexts_can_be_chosen(int right)
    {
        var (expected, _) = ConformerGoldens.Read("streaming", $"offline_ctx8_{right}.encoded");
        var encoded = ConformerGoldens.Encode("streaming", ConformerGoldens.Audio("a"), InstructionSet.Amx, encoder =>
            new StreamingConformerEncoder(encoder.Config, encoder.Config.Contexts.First(context => context.Right == right)));
        Recordings.Near(expected, encoded, 1e-4 * expected.Max(Math.Abs), $"[8, {right}]");
    }

    [Theory]
    [InlineData(3)]
    [InlineData(1)]
    [InlineData(0)]
    public async Task A_stream_gives_what_the_whole_gives(int right)
    {
        var folder = new ModelFolder(ConformerGoldens.ModelPath("streaming"));
        var model = ModelFamilies.Open(folder);
        using var weights = folder.OpenWeights();
        var encoder = ((StreamingConformerEncoder)model.Parts.Encoder!).Latencies
            .First(latency => latency.Stream.ChunkPositions == right + 1);
        using var runtime = new CpuModelRuntime(new() { Encoder = encoder }, model.Prepare(weights));
        var (features, frames) = ConformerGoldens.Features(model, ConformerGoldens.Audio("a"));
        var (expected, _) = ConformerGoldens.Read("streaming", right == 3 ? "a.encoded" : $"offline_ctx8_{right}.encoded");
        using var stream = await runtime.Streaming!.BeginAsync(TestContext.Current.CancellationToken);
        var streamed = new List<float>();
        int chunk = encoder.Stream.ChunkFrames;
        for (int first = 0; first + chunk <= frames; first += chunk)
            streamed.AddRange(await stream.PushAsync(features.AsMemory(first * 80, chunk * 80), TestContext.Current.CancellationToken));
        Assert.Equal(frames / chunk * (right + 1) * 32, streamed.Count);
        Recordings.Near(
            expected.AsSpan(0, streamed.Count), [.. streamed], 1e-4 * expected.Max(Math.Abs), $"stream of {right + 1} positions");
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Tokens_and_frames_are_the_references(string name, InstructionSet set)
    {
        var folder = new ModelFolder(ConformerGoldens.ModelPath(name));
        var model = ModelFamilies.Open(folder);
        using var weights = folder.OpenWeights();
        using var runtime = new CpuModelRuntime(
            model.Parts, model.Prepare(weights), new CpuDevice(new CpuOptions { InstructionSet = set, Threads = 2 }));
        using var outputs = ConformerGoldens.Outputs(name);
        foreach (var utterance in (string[])["a", "b"])
        {
            var (features, frames) = ConformerGoldens.Features(model, ConformerGoldens.Audio(utterance));
            using var audio = runtime.Encode(features, frames);
            if (model.Parts.Transducer is null)
                CheckLabels(model, audio, outputs.RootElement, name, utterance);
            else await CheckTokensAsync(model, runtime, audio, outputs.RootElement, (name, utterance));
        }
    }

    [Fact]
    public void The_head_beside_a_transducer_gives_the_references_probabilities()
    {
        foreach (var name in (string[])["hybrid", "streaming"])
        {
            var folder = new ModelFolder(ConformerGoldens.ModelPath(name));
            var model = ModelFamilies.Open(folder);
            using var weights = folder.OpenWeights();
            // The head alone.
            var head = (ConformerCtcHead)model.Parts.Ctc!;
            using var runtime = new CpuModelRuntime(
                model.Parts with { Transducer = null },
                ConformerWeights.Prepare(
                    weights, ((ConformerEncoder)model.Parts.Encoder!).Config, [($"{head.Name}.weight", head.VocabSize)]));
            var (features, frames) = ConformerGoldens.Features(model, ConformerGoldens.Audio("a"));
            using var audio = runtime.Encode(features, frames);
            var (expected, _) = ConformerGoldens.Read(name, "batch.ctc_logprobs");
            var logits = audio.Values.Span;
            for (int position = 0; position < audio.Positions; position++)
            {
                var row = logits.Slice(position * head.VocabSize, head.VocabSize);
                double most = row.ToArray().Max(), sum = 0;
                foreach (float logit in row) sum += Math.Exp(logit - most);
                for (int i = 0; i < row.Length; i++)
                    Assert.Equal(expected[position * head.VocabSize + i], row[i] - most - Math.Log(sum), 1e-3);
            }
        }
    }

    static void CheckLabels(SpeechModel model, EncodedAudio audio, JsonElement outputs, string name, string utterance)
    {
        bool isNemo = outputs.TryGetProperty($"{utterance}.ctc", out var golden);
        var expected = (isNemo ? golden : outputs.GetProperty(utterance))[0];
        var head = model.Parts.Ctc!;
        int[] labels = [.. Enumerable.Range(0, audio.Positions).Select(position =>
            ArgMax(audio.Values.Span.Slice(position * head.VocabSize, head.VocabSize)))];
        Assert.Equal(
            expected.GetProperty(isNemo ? "argmax" : "ids").EnumerateArray().Select(id => id.GetInt32()).Take(labels.Length), labels);
        var tokens = new CtcGreedyDecoder(head.VocabSize, head.Blank).Decode(audio.Values.Span);
        Assert.Equal(
            expected.GetProperty("text").GetString()!.Trim(),
            model.RequireTokenizer().Decode([.. tokens.Select(token => token.Id)]).Trim());
        Assert.NotEmpty(name);
    }

    static async Task CheckTokensAsync(
        SpeechModel model, CpuModelRuntime runtime, EncodedAudio audio, JsonElement outputs, (string Name, string Utterance) of)
    {
        bool isNemo = outputs.TryGetProperty($"{of.Utterance}.transducer", out var golden);
        var expected = (isNemo ? golden : outputs.GetProperty(of.Utterance))[0];
        int[] Integers(string key) => [.. expected.GetProperty(key).EnumerateArray().Select(value => value.GetInt32())];
        using var stream = runtime.RequireTransducer().Begin();
        var tokens = await stream.DecodeAsync(audio);
        Assert.Equal(Integers(isNemo ? "ids" : "tokens"), tokens.Select(token => token.Id));
        Assert.Equal(Integers("frames"), tokens.Select(token => token.Position));
        var durations = isNemo ? "durations" : "token_durations";
        if (model.Parts.Transducer!.Shape.Durations.Count > 0 && expected.TryGetProperty(durations, out _))
            Assert.Equal(Integers(durations), tokens.Select(token => token.Duration));
        if (isNemo)
        {
            Assert.Equal(
                expected.GetProperty("text").GetString()!.Trim(),
                model.RequireTokenizer().Decode([.. tokens.Select(token => token.Id)]).Trim());
        }
    }

    static int ArgMax(ReadOnlySpan<float> values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++)
            if (values[i] > values[best]) best = i;
        return best;
    }
}
