using System.Text.Json;
using Earshot.Cli.Inspection;
using Earshot.Tests.Models;

namespace Earshot.Cli.Tests;

public class InspectTests
{
    [Fact]
    public async Task A_random_shape_reads_as_approved()
    {
        var run = await CommandRun.OfAsync("inspect", "--random", "tiny.en", "--rows", "5", "--operations");
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Snapshot.Match(run.Output, "inspect-tiny.en.txt");
    }

    [Fact]
    public async Task Parameters_of_published_shapes_are_the_published_ones()
    {
        // Counted from the published checkpoints' tensors.
        Assert.Equal(37_760_256, await ParametersAsync("tiny.en"));
        Assert.Equal(808_878_080, await ParametersAsync("large-v3-turbo"));
        Assert.Equal(1_543_490_560, await ParametersAsync("large-v3"));
    }

    [Fact]
    public async Task A_GGUF_file_tells_its_metadata_and_how_tensors_are_stored()
    {
        var path = TestData.Require("goldens/gguf-blocks/all-types.gguf");
        using var json = await JsonAsync("inspect", path, "--json", "--tensors");
        var types = json.RootElement.GetProperty("types").EnumerateArray().ToDictionary(type => type.GetProperty("type").GetString()!);
        Assert.Equal((1, 512, 288), (types["Q4_K"].GetProperty("tensors").GetInt32(), types["Q4_K"].GetProperty("elements").GetInt32(),
            types["Q4_K"].GetProperty("bytes").GetInt32()));
        Assert.Equal(15, json.RootElement.GetProperty("tensors").GetArrayLength());
        Assert.Equal(
            json.RootElement.GetProperty("architecture").GetString(),
            json.RootElement.GetProperty("metadata").GetProperty("general.architecture").GetString());
        var text = await CommandRun.OfAsync("inspect", path);
        Assert.Contains("GGUF version 3", text.Output, StringComparison.Ordinal);
        Assert.Contains("IQ4_XS", text.Output, StringComparison.Ordinal);
        var wrong = await CommandRun.OfAsync("inspect", path, "--rows", "2");
        Assert.Contains("a GGUF file has --tensors", wrong.Error, StringComparison.Ordinal);
        var damaged = await CommandRun.OfAsync("inspect", TestData.Require("goldens/gguf-blocks/corrupt/big-endian.gguf"));
        Assert.Contains("it is big-endian", damaged.AssertOneLine(ExitCode.Model), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ggml/ggml-q5_1.bin", "whisper.cpp", "Q5_1")]
    [InlineData("ctranslate2/int8", "CTranslate2", "int8")]
    public async Task Whispers_of_other_programs_tell_their_stages_and_how_tensors_are_stored(string file, string program, string type)
    {
        var path = TestData.Require($"goldens/whisper-containers/{file}");
        using var json = await JsonAsync("inspect", path, "--json", "--tensors");
        Assert.Equal(program, json.RootElement.GetProperty("container").GetString());
        Assert.Equal(0, json.RootElement.GetProperty("unused_tensors").GetArrayLength());
        var matrix = json.RootElement.GetProperty("tensors").EnumerateArray()
            .Single(tensor => tensor.GetProperty("name").GetString() == "model.encoder.layers.0.fc1.weight");
        Assert.Equal(type, matrix.GetProperty("d_type").GetString());
        using var shown = await JsonAsync("models", "show", path, "--json");
        Assert.Equal(64, shown.RootElement.GetProperty("width").GetInt32());
    }

    [Fact]
    public async Task A_language_model_is_refused_where_speech_is_to_be_heard()
    {
        var run = await CommandRun.OfAsync(
            "transcribe", TestRecordings.Jfk, "-m", TestData.Require("goldens/gguf-blocks/version-3.gguf"));
        Assert.Contains("is a GGUF file with", run.AssertOneLine(ExitCode.Model), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Flops_of_the_encoder_are_those_of_its_layers()
    {
        using var json = await JsonAsync("inspect", "--random", "tiny.en", "--json", "--operations");
        var encoder = json.RootElement.GetProperty("stages")[0];
        var linear = encoder.GetProperty("operations").EnumerateArray().Single(o => o.GetProperty("name").GetString() == "Linear");
        // Four layers of four square projections and two of four times the width, over 1,500 positions, two FLOPs a multiply-add.
        Assert.Equal(4 * 2.0 * 1500 * 384 * 384 * (4 + 4 + 4), linear.GetProperty("flops").GetDouble());
        Assert.Equal("encoder", encoder.GetProperty("name").GetString());
    }

    [Fact]
    public async Task More_rows_read_the_same_weights()
    {
        using var one = await JsonAsync("inspect", "--random", "base", "--json");
        using var five = await JsonAsync("inspect", "--random", "base", "--json", "--rows", "5");
        JsonElement Step(JsonDocument json) => json.RootElement.GetProperty("stages")[2];
        double ratio = Step(five).GetProperty("flops").GetDouble() / Step(one).GetProperty("flops").GetDouble();
        Assert.Equal(5, ratio, 6);
        // Embedded rows are read a token each; all else once.
        long embedded = 2 * 512 * 2;
        Assert.Equal(Step(one).GetProperty("weight_bytes").GetInt64() + 4 * embedded, Step(five).GetProperty("weight_bytes").GetInt64());
    }

    [Fact]
    public async Task The_real_model_is_all_used_and_agrees_with_its_shape()
    {
        using var real = await JsonAsync("inspect", TestModels.WhisperBase, "--json", "--tensors");
        using var random = await JsonAsync("inspect", "--random", "base", "--json");
        Assert.Equal(0, real.RootElement.GetProperty("unused_tensors").GetArrayLength());
        Assert.Equal(245, real.RootElement.GetProperty("tensors").GetArrayLength());
        Assert.Equal(random.RootElement.GetProperty("parameters").GetInt64(), real.RootElement.GetProperty("parameters").GetInt64());
        Assert.Equal(Flops(random), Flops(real));

        static IEnumerable<(string?, double)> Flops(JsonDocument json) =>
            json.RootElement.GetProperty("stages").EnumerateArray()
                .Select(stage => (stage.GetProperty("name").GetString(), stage.GetProperty("flops").GetDouble())).ToList();
    }

    [Fact]
    public async Task A_model_of_plain_numbers_has_the_bytes_of_its_shape()
    {
        using var temporary = new TemporaryFolder();
        using var json = await JsonAsync("inspect", RandomModel.WriteTo(temporary.Path), "--json");
        Assert.Equal(2 * json.RootElement.GetProperty("parameters").GetInt64(), json.RootElement.GetProperty("weight_bytes").GetInt64());
        Assert.DoesNotContain("int8", json.RootElement.GetProperty("parts").GetRawText());
    }

    [Fact]
    public async Task A_quantised_model_is_told_as_it_is_stored()
    {
        using var small = await JsonAsync("inspect", TestModels.WhisperBase, "--json");
        // The files are these bytes and their headers.
        long files = Directory.GetFiles(TestModels.WhisperBase, "*.safetensors").Sum(file => new FileInfo(file).Length),
            told = small.RootElement.GetProperty("weight_bytes").GetInt64();
        Assert.InRange(files - told, 1, 100_000);
        Assert.Contains("int8", small.RootElement.GetProperty("parts").GetRawText());
    }

    [Theory]
    [InlineData("campplus-zh-en-common-advanced", "campplus", "CAMPPlus", "speaker encoder")]
    [InlineData("pyannote-segmentation-3.0", "pyannote-segmentation-3.0", "PyanNet", "segmentation")]
    public async Task Models_of_voices_are_all_used_and_agree_with_their_shapes(
        string folder, string shape, string architecture, string stage)
    {
        using var real = await JsonAsync("inspect", Path.Combine(TestData.RepositoryRoot, "models", folder), "--json");
        using var random = await JsonAsync("inspect", "--random", shape, "--json");
        Assert.Equal(architecture, real.RootElement.GetProperty("architecture").GetString());
        Assert.Equal(0, real.RootElement.GetProperty("unused_tensors").GetArrayLength());
        Assert.Equal(stage, real.RootElement.GetProperty("stages")[0].GetProperty("name").GetString());
        Assert.Equal(
            real.RootElement.GetProperty("stages")[0].GetProperty("flops").GetDouble(),
            random.RootElement.GetProperty("stages")[0].GetProperty("flops").GetDouble());
        Assert.Equal(real.RootElement.GetProperty("sizes").GetRawText(), random.RootElement.GetProperty("sizes").GetRawText());
    }

    [Fact]
    public async Task Sizes_keep_their_names_for_programs()
    {
        using var json = await JsonAsync("inspect", "--random", "tiny.en", "--json");
        var sizes = json.RootElement.GetProperty("sizes");
        Assert.Equal(
            [
                "width", "encoder_layers", "decoder_layers", "heads", "mel_bins", "vocabulary", "audio_positions", "text_positions",
                "multilingual",
            ],
            sizes.EnumerateObject().Select(size => size.Name));
        Assert.Equal((384, 1500, false), (sizes.GetProperty("width")
            .GetInt32(), sizes.GetProperty("audio_positions").GetInt32(), sizes.GetProperty("multilingual").GetBoolean()));
    }

    [Fact]
    public void Parts_are_called_by_two_words_of_their_names()
    {
        var names = new PartNames(
            ["model.encoder.conv1.weight", "model.encoder.layers.0.fc1.weight", "model.decoder.layers.10.fc1.weight", "proj_out.weight"]);
        Assert.Equal("encoder conv", names.Of("model.encoder.conv1.weight"));
        Assert.Equal("encoder layers", names.Of("model.encoder.layers.0.fc1.weight"));
        Assert.Equal("proj out", names.Of("proj_out.weight"));
        var other = new PartNames(["head.layer1.0.conv1.weight", "lstm.weight_ih_l0", "scale"]);
        Assert.Equal(
            ["head layer", "lstm", "scale"], [other.Of("head.layer1.0.conv1.weight"), other.Of("lstm.weight_ih_l0"), other.Of("scale")]);
    }

    [Fact]
    public async Task A_config_that_disagrees_with_its_tensors_is_refused()
    {
        var folder = TestModels.WhisperBase;
        using var temporary = new TemporaryFolder();
        foreach (var file in Directory.GetFiles(folder).Where(file => file.Contains("safetensors", StringComparison.Ordinal)))
            File.CreateSymbolicLink(temporary[Path.GetFileName(file)], file);
        File.WriteAllText(temporary["config.json"], File.ReadAllText(Path.Combine(folder, "config.json"))
            .Replace("\"decoder_layers\": 6", "\"decoder_layers\": 7", StringComparison.Ordinal));
        var run = await CommandRun.OfAsync("inspect", temporary.Path);
        Assert.Contains("model.decoder.layers.6", run.AssertOneLine(ExitCode.Model));
        Assert.Empty(run.Output);
    }

    [Theory]
    [InlineData("inspect", "either")]
    [InlineData("inspect folder --random tiny", "not both")]
    [InlineData("inspect --random tiny --past 448", "context holds 448 tokens")]
    public async Task Options_that_cannot_be_meant_are_refused(string commandLine, string expected)
    {
        var run = await CommandRun.OfAsync(commandLine.Split(' '));
        Assert.Contains(expected == "either" ? "--random SHAPE" : expected, run.AssertOneLine(ExitCode.Usage));
    }

    [Theory]
    [InlineData("inspect --random enormous", "No model is called 'enormous'")]
    [InlineData("inspect no/such-model", "(To download: earshot models pull no/such-model)")]
    [InlineData("inspect ./no/such/folder", "is neither a folder nor a model's name")]
    public async Task A_model_that_is_not_there_is_exit_code_3(string commandLine, string expected)
    {
        var run = await CommandRun.OfAsync(commandLine.Split(' '));
        Assert.Contains(expected, run.AssertOneLine(ExitCode.Model));
    }

    static async Task<long> ParametersAsync(string shape)
    {
        using var json = await JsonAsync("inspect", "--random", shape, "--json");
        return json.RootElement.GetProperty("parameters").GetInt64();
    }

    static async Task<JsonDocument> JsonAsync(params string[] args)
    {
        var run = await CommandRun.OfAsync(args);
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Empty(run.Error);
        return JsonDocument.Parse(run.Output);
    }
}
