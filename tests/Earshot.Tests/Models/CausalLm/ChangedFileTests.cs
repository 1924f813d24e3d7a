using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Decoding;
using Earshot.Models;
using Earshot.TextGeneration;

namespace Earshot.Tests.Models.CausalLm;

/// <summary>Files that change while a model is open from them: a message, and the process lives.</summary>
public sealed class ChangedFileTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_mapped_file_that_becomes_shorter_ends_in_a_message()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows refuses to shorten a mapped file.");
        var int8 = Quantised();
        var file = Path.Combine(int8, "model.safetensors");
        using (var weights = new ModelFolder(int8).OpenWeights())
        using (var device = new CpuDevice(new CpuOptions { Weights = WeightFormat.Int8, Threads = 2 }))
        using (var backend = new CpuBackend(device))
        {
            var root = new Scope(weights);
            var matrix = root.Parameter("model.layers.0.mlp.gate_proj.weight", new Shape(96, 256));
            Assert.IsAssignableFrom<IInt8Panels>(matrix.Stored);
            var x = backend.Input(new float[256], new Shape(1, 256));
            backend.Linear(x, matrix, null, default);
            await CutAsync(file);
            var error = Assert.Throws<CheckpointException>(() => { backend.Linear(x, matrix, null, default); });
            Assert.Contains("was changed while a model is open from it", error.Message, StringComparison.Ordinal);
            device.Unload(root);
        }
        Directory.Delete(int8, recursive: true);
        Quantised();
        using var model = await LanguageModel.LoadAsync(int8, new() { Threads = 2 });
        var options = new GenerationOptions { MaxTokens = 4, Sampling = new SamplingOptions { Temperature = 0 } };
        await model.CompleteAsync("The meeting", options);
        await CutAsync(file);
        var told = await Assert.ThrowsAnyAsync<EarshotException>(() => model.CompleteAsync("The meeting", options));
        Assert.Contains("model.safetensors", told.Message, StringComparison.Ordinal);
        Assert.Contains("Load the model again", told.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Short_stale_and_swapped_shards_are_found_before_use()
    {
        var model = Sharded();
        using (await LanguageModel.LoadAsync(model, new() { Threads = 2 })) { }
        string first = Path.Combine(model, "a-00001-of-00002.safetensors"), second = Path.Combine(model, "a-00002-of-00002.safetensors");
        byte[] one = File.ReadAllBytes(first), two = File.ReadAllBytes(second);

        File.WriteAllBytes(second, two[..^1]);
        Assert.Contains("a-00002-of-00002", await FailureAsync(), StringComparison.Ordinal);
        File.WriteAllBytes(first, two);
        File.WriteAllBytes(second, one);
        Assert.Contains("belong to different versions", await FailureAsync(), StringComparison.Ordinal);
        File.WriteAllBytes(first, one);
        File.Delete(second);
        Assert.Contains("a-00002-of-00002", await FailureAsync(), StringComparison.Ordinal);
        // Of another model with the same names: its shapes tell.
        File.WriteAllBytes(second, two);
        var config = Path.Combine(model, "config.json");
        var settings = File.ReadAllText(config);
        File.WriteAllText(
            config, settings.Replace("\"intermediate_size\":96", "\"intermediate_size\":128", StringComparison.Ordinal));
        Assert.Contains("expected (128, 64)", await FailureAsync(), StringComparison.Ordinal);

        async Task<string> FailureAsync() =>
            (await Assert.ThrowsAnyAsync<EarshotException>(() => LanguageModel.LoadAsync(model, new() { Threads = 2 }))).Message;
    }

    string Quantised()
    {
        var model = Path.Combine(_folder.Path, "model");
        if (!Directory.Exists(model)) SmallLanguageModel.WriteTo(model, ("hidden_size", "256"));
        var int8 = _folder.File("int8");
        CheckpointQuantizer.Run(model, int8, new QuantizationOptions { Format = WeightFormat.Int8 });
        return int8;
    }

    string Sharded()
    {
        var model = SmallLanguageModel.WriteTo(_folder.File("sharded"));
        var whole = Path.Combine(model, "model.safetensors");
        using (var file = SafetensorsFile.Open(whole))
        {
            var names = file.Names.Order(StringComparer.Ordinal).ToList();
            var halves = new[] { names[..(names.Count / 2)], names[(names.Count / 2)..] };
            var map = new List<string>();
            for (int i = 0; i < 2; i++)
            {
                var name = $"a-0000{i + 1}-of-00002.safetensors";
                map.AddRange(halves[i].Select(tensor => $"\"{tensor}\": \"{name}\""));
                SafetensorsWriter.Write(Path.Combine(model, name), halves[i].Select(tensor => Copy(file.Find(tensor)!)));
            }
            File.WriteAllText(Path.Combine(model, "model.safetensors.index.json"), $"{{\"weight_map\": {{{string.Join(", ", map)}}}}}");
        }
        File.Delete(whole);
        return model;
    }

    static TensorToWrite Copy(StoredTensor tensor) => new(tensor.Name, tensor.Type, tensor.Shape, stream =>
    {
        var bytes = new byte[tensor.ByteLength];
        tensor.Read(0, bytes);
        stream.Write(bytes);
    });

    static async Task CutAsync(string file)
    {
        using (var stream = new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
            stream.SetLength(16);
        // The system is asked only once in ten milliseconds.
        await Task.Delay(30, TestContext.Current.CancellationToken);
    }
}
