using System.Text.Json;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;
using Earshot.Features;
using Earshot.Tests.Models;

namespace Earshot.Checkpoints;

/// <summary>
/// One tiny Whisper in the files of whisper.cpp and CTranslate2: tensors as the reference's readers read them, and what is computed with
/// them beside the original's outputs, as far off as the reference's own dequantised weights are.
/// </summary>
public class WhisperContainerTests
{
    const string Goldens = "goldens/whisper-containers";

    // Largest differences of encoder and logits that the goldens' README measured with each file's weights, and a tenth.
    public static TheoryData<string, double, double> Files => new()
    {
        { "ggml/ggml-f16.bin", 0.0029, 0.0092 }, { "ggml/ggml-q8_0.bin", 0.029, 0.143 }, { "ggml/ggml-q5_1.bin", 0.253, 1.15 },
        { "ctranslate2/float16", 0.0029, 0.0092 }, { "ctranslate2/int8", 0.053, 0.176 },
    };

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_tensor_is_the_references(string file, double encoder, double logits)
    {
        _ = (encoder, logits);
        using var expected = JsonDocument.Parse(File.ReadAllText(TestData.Require($"{Goldens}/expected.json")));
        using var opened = WhisperFolder.Open(Path(file));
        var tensors = expected.RootElement.GetProperty("files").GetProperty(file.Replace("ggml/", "", StringComparison.Ordinal))
            .GetProperty("tensors").EnumerateObject().Where(tensor => !IsKeyBias(tensor.Name) && tensor.Name != "proj_out.weight").ToList();
        Assert.Equal(tensors.Select(tensor => tensor.Name).Order(), opened.Weights.Names.Order());
        foreach (var (name, told) in tensors.Select(tensor => (tensor.Name, tensor.Value)))
        {
            var tensor = opened.Weights.Find(name)!;
            Assert.Equal(told.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32()), tensor.Shape.ToArray());
            if (told.TryGetProperty("type", out var type)) Assert.Equal(type.GetString(), ModelWeights.StoredAs(tensor));
            var values = tensor.ToFloats();
            double size = told.GetProperty("abs_sum").GetDouble();
            Assert.Equal(told.GetProperty("sum").GetDouble(), values.Sum(value => (double)value), 1e-6 * size);
            Assert.Equal(size, values.Sum(value => Math.Abs((double)value)), 1e-6 * size);
            var first = told.GetProperty("first").EnumerateArray().Select(value => value.GetSingle()).ToArray();
            // CTranslate2 divides by a scale where the house multiplies: half a unit of the last bit.
            for (int i = 0; i < first.Length; i++) Assert.Equal(first[i], values[i], 1e-6f * Math.Max(1e-3f, Math.Abs(first[i])));
            Assert.Equal(told.GetProperty("last").GetSingle(), values[^1], 1e-6f * Math.Max(1e-3f, Math.Abs(values[^1])));
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Encoder_and_logits_are_as_near_the_originals_as_the_references(string file, double encoder, double logits)
    {
        using var opened = WhisperFolder.Open(Path(file));
        using var device = new CpuDevice(new CpuOptions { Threads = 1, Weights = WeightFormat.F32 });
        using var runtime = new CpuModelRuntime(opened.Model.Parts, opened.Weights, device, new RuntimeLimits { Windows = 1, Rows = 1 });
        var (apart, logitsApart) = Differences(runtime);
        Assert.InRange(apart, 0, encoder);
        Assert.InRange(logitsApart, 0, logits);
    }

    [Theory]
    [InlineData("ggml/ggml-q5_1.bin", "Q5_1", "Q5_1")]
    [InlineData("ctranslate2/int8", "int8", "int8")]
    public void Quantised_matrices_are_computed_in_int8_or_as_they_are_where_few_rows_meet_them(string file, string stored, string steps)
    {
        using var opened = WhisperFolder.Open(Path(file));
        Assert.Equal(WeightFormat.Int8, opened.Weights.FormatOf("model.encoder.layers.0.fc1.weight"));
        Assert.Equal(WeightFormat.Int8, opened.Weights.FormatOf("model.decoder.layers.0.encoder_attn.k_proj.weight"));
        Assert.Equal(steps, opened.Weights.FormatOf("model.decoder.embed_tokens.weight")!.Name);
        Assert.Equal(steps, opened.Weights.FormatOf("model.decoder.layers.0.encoder_attn.q_proj.weight")!.Name);
        Assert.Null(opened.Weights.FormatOf("model.encoder.conv1.weight"));
        var conversion = opened.Weights.Conversions.Single(form => form.ComputedIn == WeightFormat.Int8);
        Assert.Equal(stored, conversion.StoredAs);
        Assert.True(conversion.Bytes < conversion.Values * 9 / 8);
        var options = new CpuOptions { Threads = 1, WeightsFor = opened.Weights.FormatOf };
        using var runtime = new CpuModelRuntime(
            opened.Model.Parts, opened.Weights, new CpuDevice(options), new RuntimeLimits { Windows = 1, Rows = 1 });
        // Int8 beside what the file's own rounding does; the spreads are 1.06 and 3.16.
        var (apart, logitsApart) = Differences(runtime);
        Assert.InRange(apart, 0, 0.35);
        Assert.InRange(logitsApart, 0, 1.5);
    }

    [Fact]
    public void A_folder_for_CTranslate2_has_its_tokenizer_and_rules()
    {
        using var opened = WhisperFolder.Open(Path("ctranslate2/int8"));
        var tokenizer = opened.Tokenizer;
        Assert.Equal((400, 401, 406, 410, 411, 512), (tokenizer.EndOfText, tokenizer.StartOfTranscript, tokenizer.Transcribe,
            tokenizer.NoTimestamps, tokenizer.TimestampBegin, tokenizer.VocabSize));
        Assert.Equal(["en", "zh", "de"], tokenizer.Languages);
        Assert.Equal("the", tokenizer.Decode(tokenizer.Encode("the")));
        Assert.Equal([(1, 0), (1, 1), (0, 1)], opened.Generation.AlignmentHeads.Select(head => (head.Layer, head.Head)));
        Assert.Equal([1, 2, 7, 401], opened.Generation.SuppressTokens!);
        Assert.Equal([220, 400], opened.Generation.BeginSuppressTokens!);
        Assert.Equal((64, 256, 2, 100, 64), (opened.Config.DModel, opened.Config.DecoderFfnDim, opened.Config.EncoderAttentionHeads,
            opened.Config.MaxSourcePositions, opened.Config.MaxTargetPositions));
    }

    [Fact]
    public void Both_lists_of_words_and_the_original_give_the_same_tokens()
    {
        using var list = WhisperFolder.Open(Path("ctranslate2/int8"));
        using var json = WhisperFolder.Open(Path("ctranslate2/float16"));
        var original = Earshot.Tokenizers.WhisperTokenizer.Load(Path("hf"), 512);
        foreach (var text in (string[])["the", " and then", "Ünïcode!", "a b  c", "\n\t", "12345"])
        {
            Assert.Equal(original.Encode(text), json.Tokenizer.Encode(text));
            Assert.Equal(text, list.Tokenizer.Decode(list.Tokenizer.Encode(text)));
        }
        Assert.Equal(original.VocabSize, list.Tokenizer.VocabSize);
    }

    [Fact]
    public void The_filters_of_a_file_are_heard_with()
    {
        using var opened = WhisperFolder.Open(Path("ggml/ggml-q5_1.bin"));
        var features = Assert.IsType<LogMelSettings>(opened.Model.Features);
        var samples = new float[16_000];
        for (int i = 0; i < samples.Length; i++) samples[i] = MathF.Sin(i * i * 1e-4f);
        float[] own = new float[100 * 80], usual = new float[100 * 80];
        features.CreateExtractor().Compute(samples, own, 100);
        new LogMelSpectrogram(80).Compute(samples, usual, 100);
        for (int i = 0; i < own.Length; i++) Assert.Equal(usual[i], own[i], 1e-4f);
        // Nothing in the file says where the special tokens of so small a vocabulary are.
        Assert.Null(opened.Model.Tokenizer);
    }

    static (double Encoder, double Logits) Differences(ModelRuntime runtime)
    {
        var (mels, shape) = NpyFile.Read(TestData.Require($"{Goldens}/features.npy"));
        int frames = shape[1];
        var features = new float[mels.Length];
        for (int mel = 0; mel < shape[0]; mel++)
        {
            for (int frame = 0; frame < frames; frame++) features[frame * shape[0] + mel] = mels[mel * frames + frame];
        }
        int[] tokens = [.. NpyFile.Read(TestData.Require($"{Goldens}/decoder_ids.npy")).Values.Select(id => (int)id)];
        var (expectedLogits, _) = NpyFile.Read(TestData.Require($"{Goldens}/logits.npy"));
        double encoder = Largest(
            NpyFile.Read(TestData.Require($"{Goldens}/encoder_output.npy")).Values, runtime.EncodeToArray(features, frames));
        using var audio = runtime.Encode(features, frames);
        using var decoder = runtime.CreateDecoder(audio, 1);
        var logits = new float[expectedLogits.Length];
        decoder.Start(tokens, [.. Enumerable.Range(0, tokens.Length)], logits);
        return (encoder, Largest(expectedLogits, logits));
    }

    static double Largest(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        return expected.Zip(actual, (left, right) => Math.Abs((double)left - right)).Max();
    }

    static bool IsKeyBias(string name) => name.EndsWith("k_proj.bias", StringComparison.Ordinal);

    static string Path(string file) => TestData.Require($"{Goldens}/{file}");
}
