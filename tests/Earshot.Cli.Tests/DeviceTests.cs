using System.Diagnostics;
using System.Text.Json;

namespace Earshot.Cli.Tests;

/// <summary>Models in ONNX Runtime, on the processor and on devices that are not here.</summary>
public sealed class DeviceTests(DeviceTests.Export export) : IClassFixture<DeviceTests.Export>
{
    readonly Export _export = export;

    [Fact]
    public async Task An_exported_model_hears_the_same_words_on_any_device()
    {
        NativeRuntime.Require();
        var exported = await _export.FolderAsync();
        var own = await TranscribeAsync("-m", Model(), "--precision", "f32");
        var onnx = await TranscribeAsync("-m", exported, "--device", "onnx-cpu");
        Assert.Equal(ExitCode.Ok, onnx.ExitCode);
        Assert.Equal(own.Output, onnx.Output);
        Assert.Contains("ask not what your country can do", onnx.Output);
        Assert.Empty(onnx.Error);

        var unasked = await TranscribeAsync("-m", exported, "--verbose", "--threads", "1");
        Assert.Equal(own.Output, unasked.Output);
        Assert.Contains("is an exported model: it runs in ONNX Runtime (--device onnx-cpu).", unasked.Error);
        Assert.Contains("Runs on cpu.", unasked.Error);
    }

    [Fact]
    public async Task A_device_that_is_absent_is_an_error_alone_and_left_out_among_others()
    {
        NativeRuntime.Require();
        var exported = await _export.FolderAsync();
        // QNN is a telephone's device: ONNX Runtime's builds for x64 never have it, so that this holds on a machine with CUDA too.
        var alone = await TranscribeAsync("-m", exported, "--device", "qnn");
        Assert.Contains("None of the wished execution providers (qnn) can be used", alone.AssertOneLine(ExitCode.Model));
        var several = await TranscribeAsync("-m", exported, "--device", "qnn,onnx-cpu", "--verbose");
        Assert.Equal(ExitCode.Ok, several.ExitCode);
        Assert.Contains("Runs on cpu; qnn is not used because", several.Error);
    }

    [Fact]
    public async Task Graphics_cards_are_used_or_it_is_said_why_not()
    {
        NativeRuntime.Require();
        var exported = await _export.FolderAsync();
        var cuda = await TranscribeAsync("-m", exported, "--device", "cuda");
        if (cuda.ExitCode != ExitCode.Ok)
            Assert.Contains("None of the wished execution providers (cuda) can be used", cuda.AssertOneLine(ExitCode.Model));
        var any = await TranscribeAsync("-m", exported, "--device", "tensorrt,cuda,onnx-cpu", "--verbose");
        Assert.Equal(ExitCode.Ok, any.ExitCode);
        Assert.Contains("ask not what your country can do", any.Output);
        Assert.Contains(cuda.ExitCode == ExitCode.Ok ? "cuda" : "cuda is not used because", any.Error);
    }

    [Fact]
    public async Task A_draft_model_changes_no_word()
    {
        var alone = await TranscribeAsync("-m", Model(), "--beam-size", "1");
        var drafted = await TranscribeAsync("-m", Model(), "--draft", Model(), "--verbose");
        Assert.Equal(ExitCode.Ok, drafted.ExitCode);
        Assert.Equal(alone.Output, drafted.Output);
        Assert.Contains("--beam-size 1", drafted.Error);
    }

    [Fact]
    public async Task Short_windows_still_hear_the_speech()
    {
        var run = await TranscribeAsync("-m", Model(), "--short-windows");
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("ask not what your country can do", run.Output);
    }

    [Fact]
    public async Task An_exported_model_keeps_its_precision()
    {
        NativeRuntime.Require();
        var exported = await _export.FolderAsync();
        var run = await CommandRun.OfAsync("transcribe", Jfk(), "-m", exported, "--device", "onnx-cpu", "--quantize", "int8");
        Assert.Contains("was exported in Float32", run.AssertOneLine(ExitCode.Usage));
    }

    [Theory]
    [InlineData("transcribe a.wav --device banana", "There is no execution provider 'banana'")]
    [InlineData("transcribe a.wav --device cuda,cuda", "twice")]
    [InlineData("transcribe a.wav --device onnx-cpu --isa avx2", "--isa is for Earshot's own kernels")]
    [InlineData("transcribe a.wav --device onnx-cpu --quantize nf4", "nf4 weights are for Earshot's own kernels")]
    [InlineData("transcribe a.wav --device onnx-cpu --precision bf16", "bf16 weights are for Earshot's own kernels")]
    [InlineData("transcribe a.wav --device onnx-cpu --weights int8-outliers", "int8-outliers weights are for Earshot's own kernels")]
    [InlineData(
        "transcribe a.wav --device onnx-cpu --weights int8,fc2=f32", "--weights with exceptions, or fast, is for Earshot's own kernels")]
    [InlineData("transcribe a.wav --device onnx-cpu --weights fast", "--weights with exceptions, or fast, is for Earshot's own kernels")]
    [InlineData("transcribe a.wav --device onnx-cpu --draft tiny", "--draft is for Earshot's own kernels")]
    [InlineData("transcribe a.wav --draft tiny --beam-size 5", "--draft needs greedy decoding; --beam-size 5 excludes it")]
    [InlineData("export", "--output")]
    [InlineData("export -o out", "give a model's folder or name, or --random SHAPE")]
    [InlineData("export m --random tiny -o out", "not both")]
    [InlineData("export m -o out --precision int4-blocks --target portable", "--target portable excludes")]
    [InlineData("export m -o out --max-wer-increase 1", "needs --gate")]
    [InlineData("export --random tiny -o out --gate m.json", "random weights hear nothing")]
    public async Task Options_that_cannot_be_meant_are_refused(string commandLine, string expected)
    {
        var run = await CommandRun.OfAsync(commandLine.Split(' '));
        Assert.Contains(expected, run.AssertOneLine(ExitCode.Usage));
    }

    [Fact]
    public async Task An_export_is_kept_only_if_it_hears_as_well()
    {
        NativeRuntime.Require();
        using var folder = new TemporaryFolder();
        folder.Copy(Jfk(), "jfk.wav");
        var manifest = folder.Write(
            "manifest.json",
            """
            [{"file": "jfk.wav",
              "reference": "And so my fellow Americans ask not what your country can do for you ask what you can do for your country."}]
            """u8);
        var kept = await CommandRun.OfAsync(
            "export", Model(), "-o", folder["int8"], "--precision", "int8", "--gate", manifest, "--no-word-times");
        Assert.True(kept.ExitCode == ExitCode.Ok, kept.Error);
        Assert.Matches(@"Checked on 1 clips: word error rate \d+\.\d\d % before, \d+\.\d\d % after", kept.Error);
        Assert.Contains("model.onnx_data", kept.Output);
        Assert.DoesNotContain("decoder_aligning", kept.Output);
    }

    [Fact]
    public async Task An_export_that_hears_worse_is_deleted()
    {
        NativeRuntime.Require();
        using var folder = new TemporaryFolder();
        foreach (var clip in (string[])["kerstin-de_rhasspy-0773.flac", "nathalie-nl_rhasspy_1151.flac"])
            folder.Copy(TestRecordings.Path(clip), clip);
        // Four bits with scales that nobody searched are too few for a model this small: it mishears other languages than English.
        var manifest = folder.Write("manifest.json", """
            [{"file": "kerstin-de_rhasspy-0773.flac", "language": "de",
              "reference": "Auch den bei der Kopfjagd erbeuteten Schädeln werden Kräfte zugeschrieben."},
             {"file": "nathalie-nl_rhasspy_1151.flac", "reference": "Ja, vind je het gek dat je honger hebt?", "language": "nl"}]
            """u8);
        var run = await CommandRun.OfAsync("export", Model(), "-o", folder["int4"], "--precision", "int4-blocks", "--gate", manifest);
        Assert.Contains("The export is refused: word error rate ", run.AssertOneLine(ExitCode.SomeFailed));
        Assert.Empty(run.Output);
        Assert.Equal(["kerstin-de_rhasspy-0773.flac", "manifest.json", "nathalie-nl_rhasspy_1151.flac"], folder.Files());
    }

    [Fact]
    public async Task A_random_shape_is_exported_without_a_tokenizer()
    {
        NativeRuntime.Require();
        using var folder = new TemporaryFolder();
        var export = await CommandRun.OfAsync("export", "--random", "tiny", "-o", folder["out"], "--target", "portable", "--no-word-times");
        Assert.True(export.ExitCode == ExitCode.Ok, export.Error);
        Assert.Equal(
            ["out/config.json", "out/decoder_model.onnx", "out/earshot.json", "out/encoder_model.onnx", "out/model.onnx_data"],
            folder.Files());
        var run = await CommandRun.OfAsync("transcribe", Jfk(), "-m", folder["out"], "--device", "onnx-cpu");
        Assert.Contains("tokenizer", run.AssertOneLine(ExitCode.Model));
    }

    [Fact]
    public async Task A_checkpoint_is_exported_once_beside_the_hubs_cache()
    {
        NativeRuntime.Require();
        using var folder = new TemporaryFolder();
        for (int time = 1; time <= 2; time++)
        {
            // The cache's place is the process' environment.
            var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
            start.Environment["HF_HUB_CACHE"] = folder["cache/hub"];
            foreach (var word in (string[])[
                Path.Combine(AppContext.BaseDirectory, "Earshot.Cli.dll"), "transcribe", Jfk(), "-m", Model(), "--device", "onnx-cpu",
                "--beam-size", "1",
            ])
            {
                start.ArgumentList.Add(word);
            }
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEndAsync();
            var error = await process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.True(process.ExitCode == ExitCode.Ok, error);
            Assert.Contains("ask not what your country can do", await output);
            if (time == 1) Assert.Contains("(Float32) to ", error);
            else Assert.Empty(error);
        }
        var manifest = Assert.Single(folder.Files(), file => file.EndsWith("earshot.json", StringComparison.Ordinal));
        Assert.Matches("^cache/earshot/onnx/[0-9a-f]{16}/earshot.json$", manifest);
    }

    [Fact]
    public async Task An_export_without_a_gate_says_that_it_was_not_checked()
    {
        using var folder = new TemporaryFolder();
        var run = await CommandRun.OfAsync("export", Model(), "-o", folder["out"], "--precision", "int4-blocks");
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("It was not checked", run.Error);
        Assert.Contains("--gate MANIFEST", run.Error);
        var again = await CommandRun.OfAsync("export", Model(), "-o", folder["out"]);
        Assert.Contains("is not empty", again.AssertOneLine(ExitCode.Model));
    }

    [Fact]
    public async Task An_exported_folder_is_inspected_graph_by_graph()
    {
        var exported = await _export.FolderAsync();
        var run = await CommandRun.OfAsync("inspect", exported, "--json");
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        using var json = JsonDocument.Parse(run.Output);
        Assert.Equal("Float32", json.RootElement.GetProperty("precision").GetString());
        var graphs = json.RootElement.GetProperty("graphs").EnumerateArray().ToList();
        Assert.Equal(3, graphs.Count);
        Assert.Equal("input_features", graphs[0].GetProperty("inputs")[0].GetProperty("name").GetString());
        Assert.Contains(
            graphs[0].GetProperty("constants").EnumerateArray(),
            constants => constants.TryGetProperty("file", out var file) && file.GetString() == "model.onnx_data");
        Assert.Contains("exported in Float32", (await CommandRun.OfAsync("inspect", exported)).Output);
        using var own = JsonDocument.Parse((await CommandRun.OfAsync("models", "show", Model(), "--json")).Output);
        using var shown = JsonDocument.Parse((await CommandRun.OfAsync("models", "show", exported, "--json")).Output);
        Assert.Equal(own.RootElement.GetProperty("parameters").GetInt64(), shown.RootElement.GetProperty("parameters").GetInt64());
    }

    static Task<CommandRun> TranscribeAsync(params string[] args)
    {
        string[] greedy = args.Contains("--draft") ? [] : ["--beam-size", "1"];
        return CommandRun.OfAsync(["transcribe", Jfk(), "--temperature", "0", .. args.Contains("--beam-size") ? [] : greedy, .. args]);
    }

    static string Jfk() => TestRecordings.Jfk;

    static string Model() => TestModels.WhisperBase;

    /// <summary>The model in the box as ONNX graphs, exported once for all tests, at the first that needs it.</summary>
    public sealed class Export : IDisposable
    {
        readonly TemporaryFolder _folder = new();
        Task<string>? _exported;

        public void Dispose() => _folder.Dispose();

        internal Task<string> FolderAsync() => _exported ??= ExportAsync();

        async Task<string> ExportAsync()
        {
            var run = await CommandRun.OfAsync("export", Model(), "-o", _folder["onnx"]);
            Assert.True(run.ExitCode == ExitCode.Ok, run.Error);
            return _folder["onnx"];
        }
    }
}
