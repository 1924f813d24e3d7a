using System.Text.Json;
using System.Text.Json.Nodes;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Models;
using Earshot.Recognition;
using Earshot.Tests.Speakers;
using Earshot.Tokenizers;
using Earshot.Transcription;

namespace Earshot.Tests.Models;

/// <summary>wav2vec2, HuBERT and MMS against transformers, with tiny models of the true structure.</summary>
public sealed class Wav2Vec2Tests
{
    static readonly string s_goldens = TestData.Require("goldens/wav2vec2-tiny");

    public static TheoryData<string, string, InstructionSet> Utterances()
    {
        var data = new TheoryData<string, string, InstructionSet>();
        foreach (var set in Enum.GetValues<InstructionSet>())
        {
            foreach (var model in (ReadOnlySpan<string>)["base", "large", "hubert", "conformer-relative", "conformer-rotary"])
            {
                data.Add(model, "a", set);
                data.Add(model, "b", set);
            }
            data.Add("mms", "a", set);
            data.Add("mms", "b", set);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Utterances))]
    public void Logits_match_the_reference(string name, string utterance, InstructionSet set)
    {
        if (name == "mms")
        {
            CheckLogits(Golden("eng", utterance), Logits(Folder(name), utterance, set), $"{name}, {utterance}, {set}");
            return;
        }
        var golden = NpyFile.Read(Path.Combine(s_goldens, name, $"{utterance}.logits.npy"));
        CheckLogits(golden.Values, Logits(Folder(name), utterance, set), $"{name}, {utterance}, {set}");
    }

    [Theory]
    [InlineData("deu", "a")]
    [InlineData("deu", "b")]
    [InlineData("rus", "a")]
    [InlineData("rus", "b")]
    [InlineData("eng", "b")]
    public async Task Languages_are_changed_between_as_the_model_runs(string language, string utterance)
    {
        using var transcriber = await Transcriber.LoadAsync(
            Folder("mms"), new TranscriberOptions { Threads = 1, Weights = WeightFormat.F32 });
        var main = (CtcRecognizer)transcriber.Recognizer;
        var recognizer = (CtcRecognizer)main.For(main.RequireLanguage(SpeechTask.Transcribe, language));
        var samples = Samples(utterance);
        var features = new float[samples.Length];
        recognizer.Model.Features!.CreateExtractor().Compute(samples, features, features.Length);
        var runtime = (CpuModelRuntime)main.Runtime;
        (await main.Encoder.EncodeAsync(features, features.Length)).Dispose();
        long packed = runtime.PackedBytes;
        using var audio = await recognizer.Encoder.EncodeAsync(features, features.Length);
        CheckLogits(Golden(language, utterance), audio.Values.Span, $"{language}, {utterance}");
        Assert.Equal(packed, runtime.PackedBytes);
        if (recognizer != main) Assert.InRange(((CpuModelRuntime)recognizer.Runtime).PackedBytes, 1, packed / 4);

        using var text = JsonDocument.Parse(File.ReadAllText(Path.Combine(s_goldens, "mms", "text.json")));
        var tokens = new CtcGreedyDecoder(recognizer.Head.VocabSize, recognizer.Head.Blank).Decode(audio.Values.Span);
        CheckTokens(text.RootElement.GetProperty(language).GetProperty("batch")[utterance == "a" ? 0 : 1], tokens, recognizer.Tokenizer);
        Assert.Same(recognizer, main.For(language));
    }

    [Fact]
    public async Task A_language_is_told_by_code_or_name_and_written_in_its_letters()
    {
        using var transcriber = await Transcriber.LoadAsync(
            Folder("mms"), new TranscriberOptions { Threads = 1, Weights = WeightFormat.F32 });
        var recordings = new RecordingTranscriber(transcriber.Recognizer);
        Task<Transcript> In(string? language) =>
            recordings.TranscribeToEndAsync(new MemorySamples(Samples("a")), new() { Language = language });
        Assert.Equal(["en", "de", "ru"], transcriber.Recognizer.Model.Info.Languages);
        var (german, russian, english) = (await In("german"), await In("ru"), await In(null));
        Assert.Equal(("de", "ru", null), (german.Info.Language, russian.Info.Language, english.Info.Language));
        Assert.Contains(russian.Text, c => c is >= 'а' and <= 'я');
        Assert.DoesNotContain(german.Text, c => c is >= 'а' and <= 'я');
        Assert.Equal((german.Text, english.Text), ((await In("deu")).Text, (await In("eng")).Text));
        var refused = await Assert.ThrowsAsync<ModelException>(() => In("fr"));
        Assert.Contains("eng, deu, rus", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_that_is_not_here_or_of_another_model_is_refused()
    {
        using var folder = Copy("mms");
        File.Delete(folder.File("adapter.deu.safetensors"));
        var adapters = ModelFamilies.Open(folder.Path).Adapters!;
        Assert.Equal(["eng", "rus"], adapters.Languages);
        var absent = Assert.Throws<ModelException>(() => adapters.Find("de"));
        Assert.Contains("adapter.deu.safetensors", absent.Message, StringComparison.Ordinal);
        File.Copy(Path.Combine(s_goldens, "base", "model.safetensors"), folder.File("adapter.rus.safetensors"), overwrite: true);
        Assert.Contains("is missing", Assert.Throws<CheckpointException>(() => adapters.Open("rus")).Message, StringComparison.Ordinal);
        File.Copy(Path.Combine(s_goldens, "mms", "model.safetensors"), folder.File("adapter.rus.safetensors"), overwrite: true);
        Assert.Contains("is none of", Assert.Throws<CheckpointException>(() => adapters.Open("rus")).Message, StringComparison.Ordinal);
        File.Copy(Path.Combine(s_goldens, "mms", "adapter.deu.safetensors"), folder.File("adapter.rus.safetensors"), overwrite: true);
        Assert.Contains("head for 37", Assert.Throws<CheckpointException>(() => adapters.Open("rus")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("base", "a")]
    [InlineData("base", "b")]
    [InlineData("large", "a")]
    [InlineData("large", "b")]
    [InlineData("hubert", "a")]
    [InlineData("hubert", "b")]
    [InlineData("conformer-relative", "a")]
    [InlineData("conformer-relative", "b")]
    [InlineData("conformer-rotary", "a")]
    [InlineData("conformer-rotary", "b")]
    [InlineData("mms", "a")]
    public void Text_and_times_are_the_references(string name, string utterance)
    {
        var model = ModelFamilies.Open(Folder(name));
        var decoder = new CtcGreedyDecoder(model.Parts.Ctc!.VocabSize, model.Parts.Ctc.Blank);
        var tokens = decoder.Decode(Logits(Folder(name), utterance, InstructionSet.Amx));
        using var text = JsonDocument.Parse(File.ReadAllText(Path.Combine(s_goldens, name, "text.json")));
        var expected = (name == "mms" ? text.RootElement.GetProperty("eng") : text.RootElement).GetProperty(
            name == "mms" ? "batch" : utterance)[0];
        CheckTokens(expected, tokens, model.RequireTokenizer());
    }

    [Fact]
    public void Both_namings_of_the_weight_norm_are_read()
    {
        using var folder = Copy("base");
        File.Copy(Path.Combine(s_goldens, "base", "model.new-names.safetensors"), folder.File("model.safetensors"), overwrite: true);
        Assert.Equal(Logits(Folder("base"), "b", InstructionSet.Amx), Logits(folder.Path, "b", InstructionSet.Amx));
    }

    [Fact]
    public void Convolutions_over_positions_have_the_length_that_is_kept()
    {
        var model = ModelFamilies.Open(Folder("large"));
        using var weights = new ModelFolder(Folder("large")).OpenWeights();
        var prepared = model.Prepare(weights).Find("wav2vec2.encoder.pos_conv_embed.conv.weight")!.ToFloats();
        var lengths = weights.Find("wav2vec2.encoder.pos_conv_embed.conv.weight_g")!.ToFloats();
        for (int tap = 0; tap < lengths.Length; tap++)
        {
            double squares = prepared.Where((_, i) => i % lengths.Length == tap).Sum(value => (double)value * value);
            Assert.Equal(lengths[tap], Math.Sqrt(squares), 1e-5);
        }
    }

    [Theory]
    [InlineData("base")]
    [InlineData("large")]
    [InlineData("hubert")]
    [InlineData("mms")]
    [InlineData("conformer-relative")]
    [InlineData("conformer-rotary")]
    public void No_stored_tensor_is_unused(string name)
    {
        var model = ModelFamilies.Open(Folder(name));
        using var weights = new ModelFolder(Folder(name)).OpenWeights();
        var store = new TamperedStore(weights);
        using var runtime = new CpuModelRuntime(model.Parts, model.Prepare(store));
        runtime.Encode(new float[2000], 2000).Dispose();
        string[] unused = [.. weights.Names.Except(store.Touched)];
        Assert.All(unused, tensor => Assert.True(model.Parts.IsUnused!(tensor), tensor));
        Assert.DoesNotContain(store.Touched, tensor => model.Parts.IsUnused!(tensor));
    }

    [Theory]
    [InlineData("config.json", "add_adapter", "true", "false")]
    [InlineData("config.json", "conv_pos_batch_norm", "true", "false")]
    [InlineData("config.json", "hidden_act", "\"mish\"", "gelu")]
    [InlineData("config.json", "feat_extract_activation", "\"mish\"", "gelu")]
    [InlineData("config.json", "feat_extract_norm", "\"batch\"", "group or layer")]
    [InlineData("config.json", "num_feat_extract_layers", "6", "7")]
    [InlineData("config.json", "conv_stride", "[5, 2]", "7 numbers")]
    [InlineData("config.json", "conv_kernel", "[10, 3]", "7 numbers")]
    [InlineData("config.json", "num_attention_heads", "5", "divisor")]
    [InlineData("config.json", "num_conv_pos_embedding_groups", "5", "divisor")]
    [InlineData("config.json", "adapter_attn_dim", "16", "do_stable_layer_norm")]
    [InlineData("config.json", "architectures", "[\"Wav2Vec2ForPreTraining\"]", "Wav2Vec2ForCTC")]
    [InlineData("config.json", "pad_token_id", "3", "blank")]
    [InlineData("config.json", "vocab_size", "31", "32 tokens")]
    [InlineData("config.json", "model_type", "\"wav2vec2-bert\"", "wav2vec2, hubert")]
    [InlineData("preprocessor_config.json", "sampling_rate", "8000", "16000")]
    [InlineData("preprocessor_config.json", "feature_size", "2", "1")]
    [InlineData("preprocessor_config.json", "padding_value", "1.0", "0")]
    [InlineData("preprocessor_config.json", "padding_side", "\"left\"", "right")]
    [InlineData("preprocessor_config.json", "feature_extractor_type", "\"WhisperFeatureExtractor\"", "Wav2Vec2FeatureExtractor")]
    [InlineData("tokenizer_config.json", "tokenizer_class", "\"Wav2Vec2PhonemeCTCTokenizer\"", "Wav2Vec2CTCTokenizer")]
    [InlineData("tokenizer_config.json", "pad_token", "\"<blank>\"", "<blank>")]
    public void Settings_that_cannot_be_obeyed_are_refused_by_name(string file, string key, string value, string expected)
    {
        using var folder = Copy("base");
        Set(folder, file, key, value);
        var error = Assert.ThrowsAny<EarshotException>(() => ModelFamilies.Open(folder.Path));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        if (error.Message.Contains("should be", StringComparison.Ordinal))
            Assert.Contains(key == "adapter_attn_dim" ? "do_stable_layer_norm" : key, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hidden_act", "\"relu\"")]
    [InlineData("feat_extract_activation", "\"silu\"")]
    [InlineData("layer_norm_eps", "0.01")]
    [InlineData("do_stable_layer_norm", "false")]
    public void Settings_are_obeyed(string key, string value)
    {
        using var folder = Copy("large");
        Set(folder, "config.json", key, value);
        Assert.NotEqual(Logits(Folder("large"), "b", InstructionSet.Amx), Logits(folder.Path, "b", InstructionSet.Amx));
    }

    [Fact]
    public void Settings_that_a_file_leaves_out_are_those_of_the_published_base_model()
    {
        using var folder = Copy("base");
        folder.Write("config.json", """{"model_type": "wav2vec2"}""");
        Assert.Equal(ModelFamilies.Named("wav2vec2-base-960h").Info.Sizes, ModelFamilies.Open(folder.Path).Info.Sizes);
    }

    [Theory]
    [InlineData("wav2vec2-base-960h", 768)]
    [InlineData("wav2vec2-large-960h-lv60-self", 1024)]
    [InlineData("hubert-large-ls960-ft", 1024)]
    public void Published_sizes_hear_a_position_each_20_ms(string name, int width)
    {
        var encoder = ModelFamilies.Named(name).Parts.Encoder!;
        Assert.Equal(
            (1, width, 400, 0.02),
            (encoder.Shape.InputSize, encoder.Shape.Width, encoder.Shape.LeastFrames, encoder.Shape.SecondsPerPosition));
        Assert.Equal([0, 1, 49, 1499], new[] { 399, 400, 16_000, 480_000 }.Select(encoder.PositionsOf));
    }

    [Theory]
    [InlineData("wav2vec2-base-960h", 94.4)]
    [InlineData("wav2vec2-large-960h-lv60-self", 315.5)]
    [InlineData("hubert-large-ls960-ft", 315.5)]
    public void Published_sizes_have_as_many_parameters_as_published(string name, double millions)
    {
        var model = ModelFamilies.Named(name);
        var tensors = RandomTensors.For(model.Parts, model.PrepareWeights);
        Assert.Equal(millions, tensors.Names.Sum(tensor => tensors.Find(tensor)!.Shape.Count) / 1e6, 0.06);
    }

    [Fact]
    public void A_quantised_folder_says_nearly_the_same()
    {
        using var parent = new TemporaryFolder();
        var target = parent.File("int8");
        var result = CheckpointQuantizer.Run(Folder("hubert"), target, new QuantizationOptions { Format = WeightFormat.Int8 });
        // Six matrices of each of two layers, the projection and the head.
        Assert.Equal(14, result.Quantized);
        float[] plain = Logits(Folder("hubert"), "a", InstructionSet.Portable), quantized = Logits(target, "a", InstructionSet.Portable);
        double error = Math.Sqrt(
            plain.Zip(quantized, (a, b) => ((double)a - b) * (a - b)).Sum() / plain.Sum(value => (double)value * value));
        Assert.InRange(error, 1e-6, 0.05);
    }

    // Of the shorter recording what is behind its end is left out: 34 positions of 50.
    static float[] Golden(string language, string utterance)
    {
        var golden = NpyFile.Read(Path.Combine(s_goldens, "mms", $"{language}.batch.logits.npy"));
        int row = golden.Shape[^2] * golden.Shape[^1];
        return utterance == "a" ? golden.Values[..row] : golden.Values[row..(row + (34 * golden.Shape[^1]))];
    }

    static void CheckLogits(float[] expected, ReadOnlySpan<float> actual, string what) =>
        Recordings.Near(expected, actual, 1e-4 * expected.Max(Math.Abs), what);

    internal static string Folder(string name) => Path.Combine(s_goldens, name);

    internal static float[] Samples(string utterance) => NpyFile.Read(Path.Combine(s_goldens, $"audio_{utterance}.npy")).Values;

    /// <summary>Text, letters and words of a reference's case, from which tokens that are no letters are left out here.</summary>
    internal static void CheckTokens(JsonElement expected, IReadOnlyList<TimedToken> tokens, Tokenizer tokenizer)
    {
        string Letter(JsonElement offset) => offset.GetProperty("char").GetString()!;
        var letters = expected.GetProperty("char_offsets").EnumerateArray().Where(offset => !Letter(offset).StartsWith('<'))
            .Select(offset => (Letter(offset), offset.GetProperty("start_offset").GetInt32(), offset.GetProperty("end_offset").GetInt32()));
        var said = tokens.Select(token => (Text: tokenizer.Decode([token.Id]), token.Start, token.End))
            .Where(token => token.Text.Length > 0);
        Assert.Equal(letters, said);
        var text = expected.GetProperty("text").GetString()!.Replace("<s>", "").Replace("</s>", "").Replace("<unk>", "").Replace("  ", " ");
        Assert.Equal(text, tokenizer.Decode([.. tokens.Select(token => token.Id)]).Trim());
    }

    static float[] Logits(string path, string utterance, InstructionSet set)
    {
        var folder = new ModelFolder(path);
        var model = ModelFamilies.Open(folder);
        using var weights = folder.OpenWeights();
        using var device = new CpuDevice(new CpuOptions { InstructionSet = set, Threads = 1 });
        using var runtime = new CpuModelRuntime(model.Parts, model.Prepare(weights), device);
        var samples = Samples(utterance);
        var features = new float[samples.Length];
        model.Features!.CreateExtractor().Compute(samples, features, features.Length);
        using var audio = runtime.Encode(features, features.Length);
        return audio.Values.ToArray();
    }

    internal static TemporaryFolder Copy(string name)
    {
        var folder = new TemporaryFolder();
        foreach (var path in Directory.EnumerateFiles(Folder(name)).Where(path => !path.EndsWith(".npy", StringComparison.Ordinal)))
            File.Copy(path, folder.File(Path.GetFileName(path)));
        return folder;
    }

    static void Set(TemporaryFolder folder, string file, string key, string value)
    {
        var settings = JsonNode.Parse(File.ReadAllText(folder.File(file)))!;
        settings[key] = JsonNode.Parse(value);
        folder.Write(file, settings.ToJsonString());
    }
}
