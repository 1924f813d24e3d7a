using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Models;
using Earshot.Tests.Speakers;
using Earshot.TextGeneration;

namespace Earshot.Tests.Models.CausalLm;

/// <summary>
/// Adapters in weights and beside them, against a plain float64 forward pass over the matrices that they make: logits within 1e-4 of the
/// largest.
/// </summary>
public sealed class LoraTests : IDisposable
{
    const string Prefix = "base_model.model.model.layers.";
    static readonly int[] s_tokens = [.. Enumerable.Range(0, 90).Select(i => (i * i * 31 + 7 * i + 5) % 256)];

    static readonly SamplingOptions s_greedy = new() { Temperature = 0, Seed = 1 };

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("plain", "\"r\": 4, \"lora_alpha\": 8", 2.0, 2.0, 2.0)]
    [InlineData("rank-stabilised", "\"r\": 4, \"lora_alpha\": 8, \"use_rslora\": true", 4.0, 4.0, 4.0)]
    [InlineData("by module", "\"r\": 2, \"lora_alpha\": 8, \"rank_pattern\": {\"q_proj\": 4, \"layers.1.mlp.down_proj\": 4}, " +
        "\"alpha_pattern\": {\"^model\\\\.layers\\\\.[1-9]\\\\.mlp\\\\..*\": 6}", 2.0, 4.0, 1.5)]
    public async Task Beside_the_weights_is_in_the_weights_is_the_reference(
        string name, string settings, double query, double other, double mlp)
    {
        var model = SmallLanguageModel.WriteTo(_folder.File("model"));
        var adapter = Write("adapter", settings, 1);
        using var plain = new CausalLmRun(model);
        var reference = new PlainCausalLm(plain.Config, plain.Weights);
        var unchanged = reference.Logits(s_tokens)[^1];
        foreach (var (module, inputs, outputs) in Modules)
        {
            double scale = module.Contains("mlp", StringComparison.Ordinal) ? mlp
                : module.EndsWith("q_proj", StringComparison.Ordinal) ? query : other;
            Add(reference, adapter, module, (inputs, outputs), scale);
        }
        var expected = reference.Logits(s_tokens)[^1];
        double tolerance = 1e-4 * expected.Max(Math.Abs);
        Assert.True(expected.Zip(unchanged, (a, b) => Math.Abs(a - b)).Max() > 100 * tolerance);

        using (var merged = Open(model, new AdapterOptions(adapter)))
            Near(expected, await merged.RunAsync(null), tolerance, $"{name}, merged");
        using var apart = Open(model, new AdapterOptions(adapter) { Name = "a" });
        Near(expected, await apart.RunAsync("a"), tolerance, $"{name}, apart");
        Near(unchanged, await apart.RunAsync(null), tolerance, $"{name}, without");
        Near(expected, await apart.RunAsync("a", steps: 5), tolerance, $"{name}, steps");
    }

    [Fact]
    public async Task Adapters_share_steps_and_change_no_bit_of_each_other()
    {
        var model = SmallLanguageModel.WriteTo(_folder.File("model"));
        const string settings = "\"r\": 4, \"lora_alpha\": 8";
        using var run = Open(
            model, new AdapterOptions(Write("a", settings, 1)) { Name = "a" }, new AdapterOptions(Write("b", settings, 2)) { Name = "b" },
            // Of other layers than these two.
            new AdapterOptions(WriteSmall("c")) { Name = "c" });
        string?[] names = [null, "a", "b", "c"];
        var alone = new List<float[]>();
        foreach (var name in names) alone.Add(await run.RunAsync(name, steps: 40));
        for (int i = 1; i < alone.Count; i++) Assert.NotEqual(alone[0], alone[i]);
        var together = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Task.Run(() => run.RunAsync(names[i % 4], steps: 40))));
        for (int i = 0; i < together.Length; i++) Assert.Equal(alone[i % 4], together[i]);
        // In one batch for certain, whatever the threads do.
        Assert.Equal(alone.Select(row => row), await run.TogetherAsync(names, 40));
    }

    [Fact]
    public async Task Lengths_of_rows_biases_and_whole_modules_are_merged()
    {
        var model = SmallLanguageModel.WriteTo(_folder.File("model"));
        (string, int[])[] whole =
        [
            .. Tensors(4), ("base_model.model.lm_head.weight", [SmallLanguageModel.Vocabulary, SmallLanguageModel.Size]),
            ($"{Prefix}2.self_attn.v_proj.bias", [32]), ("base_model.model.model.norm.weight", [SmallLanguageModel.Size]),
            ("base_model.model.model.embed_tokens.lora_embedding_A", [4, SmallLanguageModel.Vocabulary]),
            ("base_model.model.model.embed_tokens.lora_embedding_B", [SmallLanguageModel.Size, 4]),
        ];
        var adapter = SmallLanguageModel.WriteAdapter(
            _folder.File("whole"),
            Config("\"r\": 4, \"lora_alpha\": 2, \"bias\": \"all\", \"modules_to_save\": [\"lm_head\", \"norm\"]"), 3, whole);
        using (var plain = new CausalLmRun(model))
        {
            var reference = new PlainCausalLm(plain.Config, plain.Weights);
            foreach (var (module, inputs, outputs) in Modules) Add(reference, adapter, module, (inputs, outputs), 0.5);
            reference["lm_head.weight"] = Read(adapter, "base_model.model.lm_head.weight");
            reference["model.norm.weight"] = Read(adapter, "base_model.model.model.norm.weight");
            reference["model.layers.2.self_attn.v_proj.bias"] = Read(adapter, $"{Prefix}2.self_attn.v_proj.bias");
            double[] down = Read(adapter, "base_model.model.model.embed_tokens.lora_embedding_A");
            double[] up = Read(adapter, "base_model.model.model.embed_tokens.lora_embedding_B");
            var table = reference["model.embed_tokens.weight"];
            for (int v = 0; v < SmallLanguageModel.Vocabulary; v++)
                for (int i = 0; i < SmallLanguageModel.Size; i++)
                    for (int r = 0; r < 4; r++)
                        table[v * SmallLanguageModel.Size + i] += 0.5 * up[i * 4 + r] * down[r * SmallLanguageModel.Vocabulary + v];
            await CheckMergedAsync(reference, model, adapter);
        }
        // DoRA: rows of given lengths.
        adapter = SmallLanguageModel.WriteAdapter(
            _folder.File("dora"), Config("\"r\": 4, \"lora_alpha\": 8, \"use_dora\": true"), 4,
            [
                .. Tensors(4),
                .. Modules.Select(module => ($"base_model.model.{module.Name}.lora_magnitude_vector", new[] { module.Outputs })),
            ]);
        using var again = new CausalLmRun(model);
        var lengthened = new PlainCausalLm(again.Config, again.Weights);
        foreach (var (module, inputs, outputs) in Modules)
        {
            Add(lengthened, adapter, module, (inputs, outputs), 2);
            double[] lengths = Read(adapter, $"base_model.model.{module}.lora_magnitude_vector"), matrix = lengthened[$"{module}.weight"];
            for (int o = 0; o < outputs; o++)
            {
                double norm = Math.Sqrt(Enumerable.Range(0, inputs).Sum(i => matrix[o * inputs + i] * matrix[o * inputs + i]));
                for (int i = 0; i < inputs; i++) matrix[o * inputs + i] *= lengths[o] / norm;
            }
        }
        await CheckMergedAsync(lengthened, model, adapter);

        // Neither can be beside the weights.
        foreach (var (folder, named) in (ReadOnlySpan<(string, string)>)[("whole", "norm.weight"), ("dora", "use_dora")])
        {
            var error = Assert.Throws<ModelException>(() => Open(model, new AdapterOptions(_folder.File(folder)) { Name = "x" }));
            Assert.Contains(folder == "whole" ? "base_model.model." : named, error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("\"peft_type\": \"IA3\"", "peft_type")]
    [InlineData("\"task_type\": \"SEQ_CLS\"", "task_type")]
    [InlineData("\"r\": 0", "'r'")]
    [InlineData("\"fan_in_fan_out\": true", "fan_in_fan_out")]
    [InlineData("\"lora_bias\": true", "lora_bias")]
    [InlineData("\"bias\": \"some\"", "bias")]
    [InlineData("\"init_lora_weights\": \"pissa\"", "init_lora_weights")]
    [InlineData("\"layer_replication\": [[0, 2]]", "layer_replication")]
    [InlineData("\"rank_pattern\": {\"(q\": 4}", "rank_pattern")]
    [InlineData("\"alpha_pattern\": {\"q_proj\": \"x\"}", "alpha_pattern.q_proj")]
    [InlineData("\"use_dora\": true", "use_dora")]
    [InlineData("\"r\": 5", "of rank 5")]
    [InlineData("\"target_modules\": [\"q_proj\", \"up_proj\"]", "'up_proj'")]
    public void Settings_that_are_not_obeyed_are_refused_by_name(string setting, string named)
    {
        var model = SmallLanguageModel.WriteTo(_folder.File("model"));
        var json = System.Text.Json.Nodes.JsonNode.Parse(Config("\"r\": 4, \"lora_alpha\": 8"))!;
        var change = System.Text.Json.Nodes.JsonNode.Parse($"{{{setting}}}")!.AsObject().First();
        json[change.Key] = change.Value?.DeepClone();
        SmallLanguageModel.WriteAdapter(_folder.File("x"), json.ToJsonString(), 1, Tensors(4));
        var error = Assert.Throws<CheckpointException>(() => Open(model, new AdapterOptions(_folder.File("x"))));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Adapters_of_other_models_and_halves_of_adapters_are_refused_with_names()
    {
        var model = SmallLanguageModel.WriteTo(_folder.File("model"));
        const string settings = "\"r\": 4, \"lora_alpha\": 8, \"base_model_name_or_path\": \"Qwen/Qwen2.5-7B\"";
        string Fail(params (string, int[])[] tensors)
        {
            SmallLanguageModel.WriteAdapter(_folder.File("x"), Config(settings), 1, tensors);
            var apart = Assert.ThrowsAny<EarshotException>(() => Open(model, new AdapterOptions(_folder.File("x")) { Name = "x" }));
            var merged = Assert.ThrowsAny<EarshotException>(() => Open(model, new AdapterOptions(_folder.File("x"))));
            Assert.Equal(apart.Message, merged.Message);
            return merged.Message;
        }
        string a = $"{Prefix}0.self_attn.q_proj.lora_A.weight", b = $"{Prefix}0.self_attn.q_proj.lora_B.weight";
        var wide = Fail((a, [4, 3584]), (b, [3584, 4]));
        Assert.Contains("'Qwen/Qwen2.5-7B'", wide, StringComparison.Ordinal);
        Assert.Contains($"'{a}' has shape (4, 3584)", wide, StringComparison.Ordinal);
        Assert.Contains("'model.layers.0.self_attn.q_proj.weight' (64, 64)", wide, StringComparison.Ordinal);
        Assert.Contains("(32, 4)", Fail((a, [4, 64]), (b, [32, 4])), StringComparison.Ordinal);
        Assert.Contains("layers.9", Fail((a.Replace(".0.", ".9.", StringComparison.Ordinal), [4, 64]),
            (b.Replace(".0.", ".9.", StringComparison.Ordinal), [64, 4])), StringComparison.Ordinal);
        Assert.Contains("q_proj", Fail((a, [4, 64])), StringComparison.Ordinal);
        Assert.Contains("lora_E", Fail((a, [4, 64]), (b, [64, 4]), ($"{Prefix}0.self_attn.q_proj.lora_E", [4])), StringComparison.Ordinal);
        Assert.Contains(
            "score.weight", Fail((a, [4, 64]), (b, [64, 4]), ("base_model.model.score.weight", [2, 64])), StringComparison.Ordinal);
        Assert.Contains("'x'", Fail((a, [4, 64]), (b, [64, 4]), ("x", [2])), StringComparison.Ordinal);

        Directory.CreateDirectory(_folder.File("none"));
        Assert.Contains("adapter_config.json", Refusal("none"), StringComparison.Ordinal);
        File.WriteAllText(_folder.File("none/adapter_config.json"), Config(settings));
        File.WriteAllText(_folder.File("none/adapter_model.bin"), "");
        Assert.Contains("pickle", Refusal("none"), StringComparison.Ordinal);
        Assert.Contains("Check the path", Refusal("nowhere"), StringComparison.Ordinal);

        string Refusal(string name) =>
            Assert.Throws<CheckpointException>(() => Open(model, new AdapterOptions(_folder.File(name)))).Message;
    }

    [Fact]
    public async Task Quantised_weights_have_one_beside_them_and_tied_tables_none()
    {
        var model = SmallLanguageModel.WriteTo(_folder.File("model"));
        var int8 = _folder.File("int8");
        CheckpointQuantizer.Run(model, int8, new QuantizationOptions { Format = Earshot.Compute.Quantization.WeightFormat.Int8 });
        const string settings = "\"r\": 4, \"lora_alpha\": 8";
        string a = Write("a", settings, 1), b = Write("b", settings, 2);
        using (var named = Open(int8, new AdapterOptions(a) { Name = "a" }))
        using (var unnamed = Open(int8, new AdapterOptions(a)))
        {
            Assert.Equal(await named.RunAsync("a"), await unnamed.RunAsync(null));
            Assert.NotEqual(await named.RunAsync(null), await unnamed.RunAsync(null));
        }
        var two = Assert.Throws<ModelException>(() => Open(int8, new AdapterOptions(a), new AdapterOptions(b)));
        Assert.Contains("Give them names", two.Message, StringComparison.Ordinal);
        Assert.Throws<ModelException>(() => Open(int8, new AdapterOptions(a), new AdapterOptions(b) { Name = "b" }));
        Assert.Throws<ModelException>(() => Open(model, new AdapterOptions(a) { Name = "a" }, new AdapterOptions(b) { Name = "a" }));

        var tied = SmallLanguageModel.WriteTo(_folder.File("tied"), ("tie_word_embeddings", "true"));
        var head = SmallLanguageModel.WriteAdapter(_folder.File("head"), Config($"{settings}, \"modules_to_save\": [\"lm_head\"]"), 1,
            [.. Tensors(4), ("base_model.model.lm_head.weight", [SmallLanguageModel.Vocabulary, SmallLanguageModel.Size])]);
        var error = Assert.Throws<ModelException>(() => Open(tied, new AdapterOptions(head)));
        Assert.Contains("tie_word_embeddings", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_generation_names_its_adapter_and_the_whole_text_follows_it()
    {
        var model = SmallLanguageModel.WriteTo(_folder.File("model"));
        const string settings = "\"r\": 4, \"lora_alpha\": 16";
        var options = new LanguageModelOptions
        {
            Weights = Earshot.Compute.Quantization.WeightFormat.F32,
            Threads = 2,
            Adapters = [new(Write("a", settings, 1)) { Name = "a" }, new(Write("b", settings, 2)) { Name = "b" }],
        };
        using var loaded = await LanguageModel.LoadAsync(model, options);
        Assert.Equal(["a", "b"], loaded.Adapters.Order());
        async Task<string> RunAsync(string? adapter) =>
            (await loaded.CompleteAsync("The meeting", new() { MaxTokens = 24, Adapter = adapter, Sampling = s_greedy })).Text;
        // A prefix that two share is computed by each with its own weights.
        string?[] order = [null, "a", "b", "a", null];
        var texts = new List<string>();
        foreach (var adapter in order) texts.Add(await RunAsync(adapter));
        Assert.Equal(3, texts.Distinct().Count());
        Assert.Equal((texts[0], texts[1]), (texts[4], texts[3]));
        var together = await Task.WhenAll(order.Select(adapter => Task.Run(() => RunAsync(adapter))));
        Assert.Equal(texts, together);
        var error = Assert.Throws<ArgumentException>(() => loaded.GenerateAsync("x", new() { Adapter = "c" }));
        Assert.Contains("'a', 'b'", error.Message, StringComparison.Ordinal);
        using var merged = await LanguageModel.LoadAsync(model, options with { Adapters = [new(_folder.File("a"))] });
        var alone = await merged.CompleteAsync("The meeting", new() { MaxTokens = 24, Sampling = s_greedy });
        Assert.Equal(texts[1], alone.Text);
    }

    static (string Name, int Inputs, int Outputs)[] Modules =>
    [
        ("model.layers.0.self_attn.q_proj", 64, 64), ("model.layers.0.self_attn.v_proj", 64, 32),
        ("model.layers.1.self_attn.q_proj", 64, 64), ("model.layers.1.self_attn.o_proj", 64, 64),
        ("model.layers.1.mlp.down_proj", 96, 64),
    ];

    static (string, int[])[] Tensors(int rank, Func<string, int>? rankOf = null) =>
    [
        .. Modules.SelectMany<(string Name, int Inputs, int Outputs), (string, int[])>(module =>
        [
            ($"base_model.model.{module.Name}.lora_A.weight", [rankOf?.Invoke(module.Name) ?? rank, module.Inputs]),
            ($"base_model.model.{module.Name}.lora_B.weight", [module.Outputs, rankOf?.Invoke(module.Name) ?? rank]),
        ]),
    ];

    static string Config(string settings) =>
        $$"""{"peft_type": "LORA", "task_type": "CAUSAL_LM", "init_lora_weights": true, "revision": null, {{settings}}}""";

    string Write(string name, string settings, int seed)
    {
        bool byModule = settings.Contains("rank_pattern", StringComparison.Ordinal);
        return SmallLanguageModel.WriteAdapter(_folder.File(name), Config(settings), seed, Tensors(4, module =>
            byModule && !module.EndsWith("q_proj", StringComparison.Ordinal) && !module.EndsWith("down_proj", StringComparison.Ordinal)
                ? 2
                : 4));
    }

    string WriteSmall(string name) => SmallLanguageModel.WriteAdapter(_folder.File(name), Config("\"r\": 1, \"lora_alpha\": 2"), 5,
        ($"{Prefix}2.mlp.up_proj.lora_A.weight", [1, 64]), ($"{Prefix}2.mlp.up_proj.lora_B.weight", [96, 1]));

    static double[] Read(string adapter, string tensor)
    {
        using var file = SafetensorsFile.Open(Path.Combine(adapter, "adapter_model.safetensors"));
        return [.. file.Find(tensor)!.ToFloats().Select(value => (double)value)];
    }

    static void Add(PlainCausalLm reference, string adapter, string module, (int Inputs, int Outputs) size, double scale)
    {
        double[] down = Read(adapter, $"base_model.model.{module}.lora_A.weight");
        double[] up = Read(adapter, $"base_model.model.{module}.lora_B.weight");
        var matrix = reference[$"{module}.weight"];
        int rank = down.Length / size.Inputs;
        for (int o = 0; o < size.Outputs; o++)
            for (int i = 0; i < size.Inputs; i++)
                for (int r = 0; r < rank; r++) matrix[o * size.Inputs + i] += scale * up[o * rank + r] * down[r * size.Inputs + i];
    }

    static async Task CheckMergedAsync(PlainCausalLm reference, string model, string adapter)
    {
        var expected = reference.Logits(s_tokens)[^1];
        using var merged = Open(model, new AdapterOptions(adapter));
        Near(expected, await merged.RunAsync(null), 1e-4 * expected.Max(Math.Abs), Path.GetFileName(adapter));
    }

    static void Near(float[] expected, float[] actual, double tolerance, string what) =>
        Recordings.Near(expected, actual, tolerance, what);

    static AdaptedRun Open(string model, params AdapterOptions[] adapters) => new(model, adapters);

    /// <summary>A model with adapters, as it is loaded, down to its logits.</summary>
    sealed class AdaptedRun : IDisposable
    {
        readonly ModelWeights _weights;
        readonly LanguageModelAdapters _adapters;
        readonly CpuDevice _device;
        readonly CpuModelRuntime _runtime;

        public AdaptedRun(string path, AdapterOptions[] adapters)
        {
            var folder = new ModelFolder(path);
            var model = ModelFamilies.Open(folder);
            _weights = folder.OpenWeights();
            try
            {
                _adapters = LanguageModelAdapters.Load(_weights, ((CausalLmPrompt)model.Prompt!).Config, adapters);
            }
            catch
            {
                _weights.Dispose();
                throw;
            }
            _device = new CpuDevice(new CpuOptions { Threads = 2 });
            _runtime = new CpuModelRuntime(model.Parts, _adapters.Weights, _device);
        }

        /// <summary>The logits after all tokens, of which the last are steps.</summary>
        public async Task<float[]> RunAsync(string? adapter, int steps = 0)
        {
            using var generation = await _runtime.RequireDecoder().BeginAsync(null, 1, _adapters.Find(adapter));
            var logits = new float[generation.VocabSize];
            int length = s_tokens.Length - steps;
            await generation.PromptAsync(s_tokens.AsMemory(0, length), new[] { length - 1 }, logits);
            for (int i = length; i < s_tokens.Length; i++) await generation.StepAsync(s_tokens.AsMemory(i, 1), logits);
            return logits;
        }

        /// <summary>The same of several whose steps wait for each other.</summary>
        public async Task<List<float[]>> TogetherAsync(string?[] adapters, int steps)
        {
            var generations = new List<Generation>();
            foreach (var adapter in adapters)
                generations.Add(await _runtime.RequireDecoder().BeginAsync(null, 1, _adapters.Find(adapter)));
            var logits = generations.Select(generation => new float[generation.VocabSize]).ToList();
            int length = s_tokens.Length - steps;
            for (int i = 0; i < generations.Count; i++)
                await generations[i].PromptAsync(s_tokens.AsMemory(0, length), new[] { length - 1 }, logits[i]);
            using var backend = new CpuBackend(_device);
            for (int t = length; t < s_tokens.Length; t++)
            {
                // The device is busy until all have asked.
                using var hold = new ManualResetEventSlim();
                var busy = _device.RunAsync(backend, hold.Wait);
                int step = t;
                var tasks = generations
                    .Select((generation, i) => generation.StepAsync(s_tokens.AsMemory(step, 1), logits[i]).AsTask()).ToArray();
                hold.Set();
                await busy;
                await Task.WhenAll(tasks);
            }
            foreach (var generation in generations) generation.Dispose();
            return logits;
        }

        public void Dispose()
        {
            _runtime.Dispose();
            _device.Dispose();
            _adapters.Dispose();
            _weights.Dispose();
        }
    }
}
