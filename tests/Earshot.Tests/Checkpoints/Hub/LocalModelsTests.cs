using System.Text;
using Earshot.Checkpoints.Gguf;

namespace Earshot.Checkpoints;

/// <summary>Models that other programs have downloaded are found by name, and of several files the one that is meant.</summary>
public sealed class LocalModelsTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void LM_Studios_folders_are_found_by_owner_and_repository()
    {
        var file = Write("lmstudio/bartowski/Qwen-GGUF/Qwen-Q4_K_M.gguf");
        Write("lmstudio/bartowski/Qwen-GGUF/mmproj-Qwen-f16.gguf");
        Write("lmstudio/bartowski/Qwen-GGUF/Qwen-imatrix.gguf");
        using var hub = Open();
        Assert.Equal(file, hub.Resolve("bartowski/Qwen-GGUF"));
        Assert.Equal(file, hub.Resolve("bartowski/Qwen-GGUF:q4_k_m"));
        Assert.Equal(file, hub.Resolve("Qwen-Q4_K_M.gguf"));
        Write("lmstudio/bartowski/Qwen-GGUF/Qwen-Q8_0.gguf");
        var message = Assert.Throws<CheckpointException>(() => hub.Resolve("bartowski/Qwen-GGUF")).Message;
        Assert.Contains(
            "has several models: Qwen-Q4_K_M.gguf (0 MB), Qwen-Q8_0.gguf (0 MB). Name one: ", message, StringComparison.Ordinal);
        Assert.Contains("bartowski/Qwen-GGUF:Q4_K_M", message, StringComparison.Ordinal);
        Assert.Contains(
            "has no 'Q5_0'", Assert.Throws<CheckpointException>(() => hub.Resolve("bartowski/Qwen-GGUF:Q5_0")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Llama_cpps_cache_is_found_by_the_names_that_it_gives()
    {
        var file = Write("llama/unsloth_Llama_Llama-Q4_K_M.gguf");
        var parts = (string[])[Write("llama/o_Big_Big-Q8_0-00001-of-00002.gguf"), Write("llama/o_Big_Big-Q8_0-00002-of-00002.gguf")];
        Write("llama/manifest=unsloth=Llama=latest.json");
        using var hub = Open();
        Assert.Equal(file, hub.Resolve("unsloth/Llama:Q4_K_M"));
        Assert.Equal(parts[0], hub.Resolve("o/Big:Q8_0"));
        File.Delete(parts[1]);
        Assert.Null(hub.TryResolve("o/Big:Q8_0"));
        Assert.Null(hub.TryResolve("unsloth/Other"));
    }

    [Fact]
    public void Ollamas_manifests_lead_to_the_weights()
    {
        var blob = Write($"ollama/blobs/sha256-{new string('a', 64)}", new GgufBytes().Text("general.architecture", "llama").ToArray());
        Write("ollama/manifests/registry.ollama.ai/library/llama3.2/1b", Manifest(new string('a', 64), new FileInfo(blob).Length));
        Write("ollama/manifests/hf.co/owner/repo/Q4_0", Manifest(new string('b', 64), 5));
        Write("ollama/manifests/registry.ollama.ai/library/liar/latest", Manifest(new string('a', 64), 1));
        Write("ollama/manifests/registry.ollama.ai/library/climber/latest", Manifest("../../../etc/passwd", 1));
        Write("ollama/manifests/registry.ollama.ai/library/broken/latest", "{\"layers\": 1}");
        using var hub = Open();
        Assert.Equal(blob, hub.Resolve("llama3.2:1b"));
        Assert.Null(hub.TryResolve("llama3.2:3b"));
        Assert.Null(hub.TryResolve("../../x:1b"));
        Says("names the weights", () => hub.Resolve("hf.co/owner/repo:Q4_0"));
        Says("has 1 bytes, and it has", () => hub.Resolve("liar"));
        Says("expected sha256: and 64 digits", () => hub.Resolve("climber"));
        Says("'layers' should be an array", () => hub.Resolve("broken"));
        Says("Run `ollama pull llama3.2:3b`", () => hub.Resolve("llama3.2:3b"));
        var listed = hub.List().Where(model => model.Where == ModelPlace.Ollama).ToDictionary(model => model.Name);
        Assert.Equal(
            ["broken:latest", "climber:latest", "hf.co/owner/repo:Q4_0", "liar:latest", "llama3.2:1b"],
            listed.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(["llama3.2:1b"], listed.Values.Where(model => model.IsComplete).Select(model => model.Name));
        Assert.Equal((blob, "language model"), (listed["llama3.2:1b"].Folder, listed["llama3.2:1b"].Purpose));
    }

    [Theory]
    [InlineData("Q4_K", "m-Q4_K_M.gguf,m-Q4_K.gguf", "m-Q4_K.gguf")]
    [InlineData("Q4_XS", "m-IQ4_XS.gguf", null)]
    [InlineData("IQ4_XS", "m.IQ4_XS.gguf,m.i1-Q4_0.gguf", "m.IQ4_XS.gguf")]
    [InlineData("q8_0", "sub/m-q8_0.gguf,mmproj-m-Q8_0.gguf,m-lora-Q8_0.gguf,m.imatrix.gguf", "sub/m-q8_0.gguf")]
    [InlineData("Q4_0", "Q4_0/m-00001-of-00002.gguf,Q4_0/m-00002-of-00002.gguf", "Q4_0/m-00001-of-00002.gguf")]
    [InlineData("Q4_0", "m-Q4_0-00001-of-00002.gguf", null)]
    [InlineData("base", "ggml-base.bin,ggml-base-q5_1.bin,ggml-base.en.bin", "ggml-base.bin")]
    [InlineData("base-q5_1", "ggml-base.bin,ggml-base-q5_1.bin", "ggml-base-q5_1.bin")]
    [InlineData("Q4_K_XL", "m-UD-Q4_K_XL.gguf", "m-UD-Q4_K_XL.gguf")]
    [InlineData(null, "README.md,best-00001-of-breed.gguf,adapter.gguf", "best-00001-of-breed.gguf")]
    [InlineData(null, "m.GGUF", "m.GGUF")]
    [InlineData(null, "for-tests-ggml-base.bin,pytorch_model.bin", null)]
    public void A_quantisation_picks_one_file_and_never_what_lies_beside_models(string? tag, string files, string? expected)
    {
        var models = ModelFileChoice.ModelsAmong(files.Split(',').Select(file => (file, (long?)1)));
        if (expected is null) Assert.Throws<CheckpointException>(() => ModelFileChoice.Pick(models, "o/r", tag));
        else Assert.Equal(expected, ModelFileChoice.Pick(models, "o/r", tag).Name);
    }

    [Fact]
    public async Task A_file_of_the_hub_is_downloaded_alone_with_its_parts_and_found_again()
    {
        using var server = new FakeHub();
        server.Files["m-Q4_0-00001-of-00002.gguf"] = "GGUFone"u8.ToArray();
        server.Files["m-Q4_0-00002-of-00002.gguf"] = "GGUFtwo"u8.ToArray();
        server.Files["m-Q8_0.gguf"] = "GGUFthree"u8.ToArray();
        server.Files["mmproj-Q8_0.gguf"] = "GGUFfour"u8.ToArray();
        var options = new HubOptions { CacheFolder = _folder.File("hub"), Endpoint = server.Endpoint };
        using (var full = new ModelHub(options with { FreeSpace = _ => 10 }))
        {
            var error = await Assert.ThrowsAsync<CheckpointException>(() => full.GetAsync("org/model:Q4_0"));
            Assert.Contains("(2 files of weights) needs", error.Message, StringComparison.Ordinal);
        }
        using var hub = new ModelHub(options);
        var path = await hub.GetAsync("org/model:Q4_0");
        Assert.Equal("m-Q4_0-00001-of-00002.gguf", Path.GetFileName(path));
        Assert.Equal(2, Directory.GetFiles(Path.GetDirectoryName(path)!).Length);
        Assert.Equal(path, hub.Resolve("org/model:q4_0"));
        Assert.Null(hub.TryResolve("org/model:Q8_0"));
        Assert.Equal("m-Q8_0.gguf", Path.GetFileName(await hub.GetAsync("org/model:Q8_0")));
        Assert.Contains(
            "no 'Q2_K'", (await Assert.ThrowsAsync<CheckpointException>(() => hub.GetAsync("org/model:Q2_K"))).Message,
            StringComparison.Ordinal);
        Assert.True(Assert.Single(hub.ListCached()) is { IsComplete: true, HoldsGguf: true });
    }

    [Fact]
    public async Task A_folder_for_CTranslate2_is_downloaded_and_found_in_the_cache_that_it_shares()
    {
        using var server = new FakeHub();
        server.Files.Remove("model.safetensors");
        server.Files["vocabulary.txt"] = "a\n"u8.ToArray();
        server.Files["model.bin"] = [.. BitConverter.GetBytes(6u), 12, 0, .. "WhisperSpec\0"u8, .. new byte[20]];
        using var hub = new ModelHub(new HubOptions { CacheFolder = _folder.File("hub"), Endpoint = server.Endpoint });
        var folder = await hub.GetAsync("org/model");
        Assert.Equal(
            ["config.json", "model.bin", "tokenizer.json", "vocabulary.txt"],
            Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(folder, hub.Resolve("org/model"));
        File.Delete(Path.Combine(folder, "vocabulary.txt"));
        Assert.Null(hub.TryResolve("org/model"));
    }

    [Theory]
    [InlineData("", "/home/me/.ollama/models", "/home/me/.cache/llama.cpp")]
    [InlineData("OLLAMA_MODELS=/big;LLAMA_CACHE=~/l", "/big", "/home/me/l")]
    [InlineData("XDG_CACHE_HOME=/x", "/home/me/.ollama/models", "/x/llama.cpp")]
    public void Folders_are_where_the_environment_says(string variables, string ollama, string llama)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Paths of Linux.");
        var values = variables.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(v => v.Split('='))
            .ToDictionary(v => v[0], v => v[1]);
        var options = HubOptions.FromVariables(values.GetValueOrDefault, "/home/me");
        Assert.Equal(ollama, options.OllamaFolders[0]);
        Assert.Equal([llama], options.LlamaCppFolders);
        Assert.Equal("/home/me/.lmstudio/models", options.LmStudioFolders[0]);
    }

    ModelHub Open() => new(new HubOptions
    {
        CacheFolder = _folder.File("hub"),
        Offline = true,
        OllamaFolders = [_folder.File("ollama")],
        LmStudioFolders = [_folder.File("lmstudio")],
        LlamaCppFolders = [_folder.File("llama")],
    });

    static string Manifest(string digest, long size) =>
        $$"""
        {"schemaVersion":2,"layers":[
            {"mediaType":"application/vnd.ollama.image.template","digest":"sha256:{{new string('c', 64)}}","size":1},
            {"mediaType":"application/vnd.ollama.image.projector","digest":"sha256:{{new string('d', 64)}}","size":1},
            {"mediaType":"application/vnd.ollama.image.model","digest":"sha256:{{digest}}","size":{{size}}}]}
        """;

    static void Says(string what, Action act) =>
        Assert.Contains(what, Assert.Throws<CheckpointException>(act).Message, StringComparison.Ordinal);

    string Write(string path, string text = "GGUF") => Write(path, Encoding.UTF8.GetBytes(text));

    string Write(string path, byte[] content)
    {
        var file = _folder.File(path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, content);
        return file;
    }
}
