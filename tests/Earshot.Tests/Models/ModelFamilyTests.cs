using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Models;

namespace Earshot.Tests.Models;

/// <summary>
/// What holds for every family, on a small model of each with random weights. What they give in ONNX Runtime is compared in
/// Earshot.Onnx.Tests.
/// </summary>
public sealed class ModelFamilyTests
{
    static readonly Wav2Vec2Config s_wav2vec2 = new()
    {
        ModelType = "wav2vec2",
        HiddenSize = 32,
        NumHiddenLayers = 2,
        NumAttentionHeads = 2,
        IntermediateSize = 64,
        ConvDim = [16, 16, 16, 16, 16, 16, 16],
        NumConvPosEmbeddings = 16,
        NumConvPosEmbeddingGroups = 4,
    };

    static readonly Wav2Vec2Config s_wav2vec2Conformer = s_wav2vec2 with
    {
        ModelType = "wav2vec2-conformer",
        HasGroupNorm = false,
        ConvBias = true,
        HiddenAct = Activation.Silu,
        ConvDepthwiseKernelSize = 7,
    };

    static readonly CausalLmConfig s_qwen3 = new()
    {
        ModelType = "qwen3",
        VocabSize = 200,
        HiddenSize = 48,
        IntermediateSize = 96,
        NumHiddenLayers = 2,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        HeadDim = 16,
        RmsNormEps = 1e-6f,
        MaxPositionEmbeddings = 2048,
        Rotary = Rotary.Plain(16, 1e6),
        QueryNorm = true,
    };

    static readonly SmartTurnConfig s_smartTurn = new()
    {
        DModel = 32,
        EncoderLayers = 2,
        EncoderAttentionHeads = 2,
        EncoderFfnDim = 64,
        NumMelBins = 20,
        MaxSourcePositions = 50,
        PoolAttentionSize = 16,
        ClassifierSizes = [16, 8],
        Threshold = 0.5,
    };

    static readonly ConformerConfig s_conformer = new()
    {
        MelBins = 20,
        Size = 32,
        Layers = 2,
        Heads = 4,
        InnerSize = 64,
        SubsamplingChannels = 16,
    };

    static readonly ConformerConfig s_streamingConformer = s_conformer with
    {
        IsSubsamplingCausal = true,
        IsConvolutionCausal = true,
        HasLayerNorm = true,
        ScalesInput = true,
        Contexts = [new AttentionContext(8, 3, IsChunked: true), new AttentionContext(8, 0, IsChunked: true)],
    };

    static readonly ConformerHeads s_letters = new() { Ctc = new ConformerCtcHead("decoder.decoder_layers.0", 30) };

    static readonly Dictionary<string, Func<SpeechModel>> s_models = new()
    {
        ["whisper"] = () => WhisperFamily.OfShape(RandomWhisperTests.Small()),
        ["wav2vec2"] = () => Wav2Vec2Family.Describe(s_wav2vec2, "small"),
        ["wav2vec2, norms first"] = () => Wav2Vec2Family.Describe(
            s_wav2vec2 with { HasGroupNorm = false, ConvBias = true, DoStableLayerNorm = true, AdapterAttnDim = 8 }, "small"),
        ["wav2vec2-conformer"] = () => Wav2Vec2Family.Describe(s_wav2vec2Conformer, "small"),
        ["wav2vec2-conformer, rotary"] = () => Wav2Vec2Family.Describe(
            s_wav2vec2Conformer with { PositionEmbeddingsType = ConformerPositions.Rotary }, "small"),
        ["hubert"] = () => Wav2Vec2Family.Describe(s_wav2vec2 with { ModelType = "hubert", FeatProjLayerNorm = false }, "small"),
        ["conformer"] = () => ConformerFamily.Describe(
            s_conformer with { Subsampling = SubsamplingKind.Striding, SubsamplingFactor = 4, Kernel = 31 }, s_letters, "small", "nemo"),
        ["fastconformer"] = () => ConformerFamily.Describe(
            s_conformer with { HasLinearBias = false, HasConvolutionBias = false }, s_letters, "small", "nemo"),
        ["conformer with windows"] = () => ConformerFamily.Describe(
            s_conformer with { Contexts = [new AttentionContext(4, 4)], GlobalPositions = 1 }, s_letters, "small", "nemo"),
        ["streaming conformer"] = () => ConformerFamily.Describe(s_streamingConformer, s_letters, "small", "nemo"),
        ["CAM++"] = () => ModelFamilies.Named("campplus"),
        ["HiFi-GAN"] = () => HifiGanFamily.Describe(HifiGanTests.Small, "small"),
        ["Smart Turn"] = () => SmartTurnFamily.Describe(s_smartTurn, "small"),
        ["toy"] = () => new ToyFamily().Shapes["toy-small"](),
        ["qwen3"] = () => CausalLmFamily.Describe(s_qwen3, new CausalLmGeneration(), "small"),
        ["a language model"] = () => Of(new ModelParts { Decoder = new ToyLanguageModel() }),
        ["a language model that sees a window"] = () => Of(new ModelParts { Decoder = new ToyLanguageModel(window: 100) }),
        ["a language model with ears"] = () => Of(
            new ModelParts { Encoder = new ToyStreamingEncoder(), Decoder = new ToyLanguageModel(), Projector = new ToyProjector(48) }),
        ["a streaming encoder"] = () => Of(new ModelParts { Encoder = new ToyStreamingEncoder() }),
    };

    public static TheoryData<string> All => [.. s_models.Keys];

    public static TheoryData<string> WithDecoder =>
    [
        .. s_models.Where(model => model.Value().Parts.Decoder is not null).Select(model => model.Key)
    ];

    public static TheoryData<string> Streaming =>
    [
        .. s_models.Where(model => model.Value().Parts.Encoder is IStreamingEncoder).Select(model => model.Key)
    ];

    public static TheoryData<string> WithVoice =>
    [
        .. s_models.Where(model => model.Value().Parts.Voice is not null).Select(model => model.Key)
    ];

    [Fact]
    public void Every_family_has_a_small_model_here()
    {
        var types = s_models.Values.Select(make => make().Info.Type).ToHashSet();
        // pyannote's is held against its reference with its real weights, in Speakers.
        Assert.All(
            ModelFamilies.All.Where(family => family is not PyannoteSegmentationFamily),
            family => Assert.Contains(family.ModelTypes, types.Contains));
    }

    [Theory, MemberData(nameof(All))]
    public async Task Every_instruction_set_gives_the_same_numbers(string name)
    {
        var model = s_models[name]();
        float[]? expected = null;
        foreach (var set in Enum.GetValues<InstructionSet>())
        {
            using var runtime = Open(model, set);
            var actual = await ComputeAsync(runtime);
            expected ??= actual;
            double scale = expected.Max(Math.Abs);
            Assert.Equal(expected.Length, actual.Length);
            for (int i = 0; i < actual.Length; i++) Assert.Equal(expected[i], actual[i], 2e-4 * scale);
        }
    }

    [Theory, MemberData(nameof(WithDecoder))]
    public async Task Stepping_gives_what_the_prompt_gives_at_once(string name)
    {
        using var runtime = Open(s_models[name]());
        var decoder = runtime.RequireDecoder();
        using var audio = decoder.Shape.MemoryPositions > 0 ? await EncodeAsync(runtime) : null;
        int[] tokens =
        [
            .. Enumerable.Range(0, Math.Min(decoder.Shape.MostPositions / 2, 150)).Select(i => (i * 37 + 5) % decoder.Shape.VocabSize)
        ];
        int vocabulary = decoder.Shape.VocabSize, first = tokens.Length - 6;
        float[] whole = new float[vocabulary], stepped = new float[vocabulary];
        using (var at = await decoder.BeginAsync(audio, 1)) await at.PromptAsync(tokens, new[] { tokens.Length - 1 }, whole);
        using (var steps = await decoder.BeginAsync(audio, 2))
        {
            await steps.PromptAsync(tokens.AsMemory(0, first), new[] { first - 1 }, stepped);
            for (int i = first; i < tokens.Length; i++) await steps.StepAsync(tokens.AsMemory(i, 1), stepped);
        }
        double scale = whole.Max(Math.Abs);
        for (int i = 0; i < vocabulary; i++) Assert.Equal(whole[i], stepped[i], 1e-5 * scale);
    }

    [Theory, MemberData(nameof(WithDecoder))]
    public async Task A_cancelled_step_is_no_past_of_the_next(string name)
    {
        using var runtime = Open(s_models[name]());
        var decoder = runtime.RequireDecoder();
        using var audio = decoder.Shape.MemoryPositions > 0 ? await EncodeAsync(runtime) : null;
        float[] expected = new float[decoder.Shape.VocabSize], actual = new float[decoder.Shape.VocabSize];
        int[] tokens = [5, 9, 2], wanted = [2];
        using var generation = await decoder.BeginAsync(audio, 1);
        await generation.PromptAsync(tokens, wanted, expected);
        await generation.StepAsync(new[] { 7 }, expected);

        await generation.PromptAsync(tokens, wanted, actual);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await generation.StepAsync(new[] { 4 }, actual, new CancellationToken(true)));
        Assert.Equal(4, generation.Length);
        var refused = await Assert.ThrowsAsync<ModelException>(async () => await generation.StepAsync(new[] { 7 }, actual));
        Assert.Contains("Truncate it to 3", refused.Message, StringComparison.Ordinal);
        generation.Truncate(3);
        await generation.StepAsync(new[] { 7 }, actual);
        Assert.Equal(expected, actual);
    }

    [Theory, MemberData(nameof(WithDecoder))]
    public async Task A_prompt_has_the_same_bits_in_any_company(string name)
    {
        using var runtime = Open(s_models[name]());
        var decoder = runtime.RequireDecoder();
        using var audio = decoder.Shape.MemoryPositions > 0 ? await EncodeAsync(runtime) : null;
        int length = Math.Min(decoder.Shape.MostPositions - 8, 700);
        async Task<float[]> RunAsync(int seed)
        {
            int[] tokens = [.. Enumerable.Range(0, length - seed % 5).Select(i => (i * 31 + seed) % decoder.Shape.VocabSize)];
            var logits = new float[decoder.Shape.VocabSize];
            using var generation = await decoder.BeginAsync(audio, 1);
            await generation.PromptAsync(tokens, new[] { tokens.Length - 1 }, logits);
            for (int i = 0; i < 4; i++) await generation.StepAsync(new[] { 7 + i }, logits);
            return logits;
        }
        var alone = await RunAsync(3);
        var together = await Task.WhenAll(Enumerable.Range(0, 6).Select(seed => Task.Run(() => RunAsync(seed))));
        Assert.Equal(alone, together[3]);
    }

    [Theory, MemberData(nameof(Streaming))]
    public async Task Streamed_is_whole(string name)
    {
        var model = s_models[name]();
        using var runtime = Open(Of(model.Parts with { Projector = null, Decoder = null }));
        var streaming = runtime.Streaming!;
        int chunks = 5, each = streaming.Stream.ChunkFrames * streaming.Shape.InputSize;
        async Task StreamAsync(int seed)
        {
            var features = Features(chunks * each, seed);
            using var whole = await runtime.RequireEncoder().EncodeAsync(features, chunks * streaming.Stream.ChunkFrames);
            using var stream = await streaming.BeginAsync();
            var streamed = new List<float>();
            for (int chunk = 0; chunk < chunks; chunk++) streamed.AddRange(await stream.PushAsync(features.AsMemory(chunk * each, each)));
            // The end may be heard with what a stream does not know yet to be its end: a position more.
            Assert.InRange(whole.Values.Length - streamed.Count, 0, streaming.ValueWidth);
            for (int i = 0; i < streamed.Count; i++) Assert.Equal(whole.Values.Span[i], streamed[i], 1e-5f);
        }
        await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => Task.Run(() => StreamAsync(seed))));
        await Assert.ThrowsAsync<ModelException>(async () => await (await streaming.BeginAsync()).PushAsync(new float[each - 1]));
    }

    [Theory, MemberData(nameof(WithVoice))]
    public async Task Sound_in_pieces_is_the_whole(string name)
    {
        var model = s_models[name]();
        var voice = model.Parts.Voice!;
        int context = voice.Shape.ContextFrames ?? throw new InvalidOperationException($"{name} speaks in one piece only.");
        using CpuModelRuntime whole = Speaking(int.MaxValue), pieces = Speaking(2 * context + 5);
        int frames = 4 * context + 23;
        var features = Features(frames * voice.Shape.InputSize, 1);
        var expected = await whole.RequireVoice().SpeakAsync(features, frames);
        Assert.Equal(frames * voice.Shape.SamplesPerFrame, expected.Length);
        Assert.Equal(expected, await pieces.RequireVoice().SpeakAsync(features, frames));
        Assert.Equal((1, (frames + 4) / 5), (whole.Times!.Value.Pieces, pieces.Times!.Value.Pieces));

        CpuModelRuntime Speaking(int atOnce) => Open(model with { Parts = model.Parts with { Voice = new ShortOfBreath(voice, atOnce) } });
    }

    [Fact]
    public async Task Audio_takes_the_place_of_tokens_in_a_prompt()
    {
        using var runtime = Open(s_models["a language model with ears"]());
        var decoder = runtime.RequireDecoder();
        var features = Features(60 * 8, 1);
        using var audio = await runtime.RequireEncoder().EncodeAsync(features, 60);
        Assert.Equal((30, 30 * 48), (audio.Positions, audio.Values.Length));
        using var other = await runtime.RequireEncoder().EncodeAsync(Features(60 * 8, 2), 60);
        async Task<float[]> AskAsync(EncodedAudio heard)
        {
            var logits = new float[decoder.Shape.VocabSize];
            using var generation = await decoder.BeginAsync(null, 1);
            await generation.PromptAsync(
                [new PromptPart(new[] { 1, 2 }), new PromptPart(default, heard), new PromptPart(new[] { 3 })], new[] { 32 }, logits);
            Assert.Equal(33, generation.Length);
            return logits;
        }
        Assert.Equal(await AskAsync(audio), await AskAsync(audio));
        Assert.NotEqual(await AskAsync(audio), await AskAsync(other));
        await Assert.ThrowsAsync<ModelException>(async () => await AskAsync(new EncodedValues(new float[7], 30)));
    }

    [Theory]
    [InlineData("whisper-base")]
    [InlineData("pyannote-segmentation-3.0")]
    [InlineData("campplus-zh-en-common-advanced")]
    [InlineData("smart-turn-v3.2")]
    public void No_stored_tensor_of_the_models_in_the_box_is_unused(string name) => CheckUse(TestModels.InBox(name));

    [Theory]
    [InlineData("base")]
    [InlineData("large")]
    [InlineData("hubert")]
    public void No_stored_tensor_of_the_reference_s_small_models_is_unused(string name) =>
        CheckUse(TestData.Require($"goldens/wav2vec2-tiny/{name}"));

    [Theory]
    [InlineData("plain")]
    [InlineData("weight-norm")]
    public void No_stored_tensor_of_the_reference_s_small_voices_is_unused(string name) =>
        CheckUse(TestData.Require($"goldens/hifigan-tiny/{name}"));

    [Theory]
    [InlineData("nemo-tiny/conformer-ctc/conformer-ctc.nemo")]
    [InlineData("nemo-tiny/fastconformer-ctc/fastconformer-ctc.nemo")]
    [InlineData("nemo-tiny/hybrid/hybrid.nemo")]
    [InlineData("nemo-tiny/tdt/tdt.nemo")]
    [InlineData("nemo-tiny/streaming/streaming.nemo")]
    [InlineData("parakeet-tiny/ctc")]
    [InlineData("parakeet-tiny/rnnt")]
    [InlineData("parakeet-tiny/tdt")]
    public void No_stored_tensor_of_the_reference_s_small_conformers_is_unused(string name) =>
        CheckUse(TestData.Require($"goldens/{name}"));

    [Theory]
    [InlineData("qwen2-tiny/untied")]
    [InlineData("qwen3-tiny/tied")]
    [InlineData("llama-tiny/smollm2")]
    public void No_stored_tensor_of_the_reference_s_small_language_models_is_unused(string name) =>
        CheckUse(TestData.Require($"goldens/{name}"));

    static void CheckUse(string path)
    {
        var folder = new ModelFolder(path);
        var model = ModelFamilies.Open(folder);
        using var weights = folder.OpenWeights();
        var read = new ReadNames(weights);
        _ = new ModelCosts(model.Parts, model.Prepare(read)).Stages();
        Assert.DoesNotContain(weights.Names, tensor => !read.Asked.Contains(tensor) && model.Parts.IsUnused?.Invoke(tensor) != true);
    }

    static SpeechModel Of(ModelParts parts) => new() { Info = new ModelInfo { Name = "small", Type = "none" }, Parts = parts };

    static CpuModelRuntime Open(SpeechModel model, InstructionSet? set = null) =>
        new(
            model.Parts, model.Prepare(RandomTensors.For(model.Parts, model.PrepareWeights)),
            new CpuDevice(new CpuOptions { InstructionSet = set, Threads = 2 }), new RuntimeLimits { Windows = 8, Rows = 16 });

    static ValueTask<EncodedAudio> EncodeAsync(ModelRuntime runtime)
    {
        var shape = runtime.RequireEncoder().Shape;
        int frames = Math.Max(
            shape.LeastFrames, Math.Min(shape.MostFrames, shape.InputSize == 1 ? 8000 : 200)) / shape.FrameMultiple * shape.FrameMultiple;
        return runtime.RequireEncoder().EncodeAsync(Features(frames * shape.InputSize, 1), frames);
    }

    static async Task<float[]> ComputeAsync(CpuModelRuntime runtime)
    {
        var (parts, results) = (runtime.Parts, new List<float>());
        using var audio = parts.Encoder is null ? null : await EncodeAsync(runtime);
        if (audio is not null) results.AddRange(audio.Values.Span);
        if (parts.Decoder is { } decoder)
        {
            var logits = new float[decoder.Shape.VocabSize];
            using var generation = await runtime.RequireDecoder().BeginAsync(decoder.Shape.MemoryPositions > 0 ? audio : null, 1);
            await generation.PromptAsync(new[] { 3, 1, 4, 1, 5 }, new[] { 4 }, logits);
            results.AddRange(logits);
            await generation.StepAsync(new[] { 9 }, logits);
            results.AddRange(logits);
        }
        if (parts.SpeakerEncoder is { } speaker)
        {
            using var backend = new CpuBackend(runtime.Device);
            var model = ModelFamilies.Named("campplus");
            var weights = new Scope(model.Prepare(RandomTensors.For(parts, model.PrepareWeights)));
            results.AddRange(CpuBackend.Read(
                speaker.Embed(backend.Input(Features(120 * speaker.InputSize, 1), new Shape(1, 120, speaker.InputSize)), weights)));
            runtime.Device.Unload(weights);
        }
        if (parts.Voice is { Shape: var spoken })
            results.AddRange(await runtime.RequireVoice().SpeakAsync(Features(60 * spoken.InputSize, 1), 60));
        Assert.NotEmpty(results);
        return [.. results];
    }

    static float[] Features(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
    }

    /// <summary>A voice that makes fewer frames at once.</summary>
    sealed class ShortOfBreath(IVoice voice, int frames) : IVoice
    {
        public VoiceShape Shape { get; } = voice.Shape with { MostFrames = frames };

        public Tensor Speak(Tensor features, Scope root) => voice.Speak(features, root);
    }

    /// <summary>Notes which tensors are asked for.</summary>
    sealed class ReadNames(ITensorStore store) : ITensorStore
    {
        public HashSet<string> Asked { get; } = new(StringComparer.Ordinal);

        public string Location => store.Location;

        public IReadOnlyCollection<string> Names => store.Names;

        public StoredTensor? Find(string name)
        {
            lock (Asked) Asked.Add(name);
            return store.Find(name);
        }
    }
}
