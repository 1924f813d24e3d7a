using System.Text.Json;
using Earshot.Chat;
using Earshot.Checkpoints;
using Earshot.Compute.Quantization;
using Earshot.Decoding;

namespace Earshot.TextGeneration;

/// <summary>The language model as applications use it, over the reference's small models.</summary>
public sealed class LanguageModelTests : IDisposable
{
    static readonly LanguageModelOptions s_exact = new() { Weights = WeightFormat.F32, Threads = 2, ChatFormat = "chatml" };
    static readonly SamplingOptions s_greedy = new() { Temperature = 0 };

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Tokens_are_the_reference_s_up_to_what_may_end_them()
    {
        using var model = await LoadAsync();
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/qwen2-tiny/tied/expected.json")));
        int[] prompt = Ids(golden.RootElement.GetProperty("prompt")), greedy = Ids(golden.RootElement.GetProperty("greedy"))[..12];
        // The reference masks nothing; these are tokens that the tokenizer has.
        Assert.All(greedy, id => Assert.InRange(id, 0, model.Tokenizer.VocabSize - 1));
        var pieces = await PiecesAsync(model.GenerateAsync(prompt, new() { Sampling = s_greedy, MaxTokens = 12 }));
        Assert.Equal(model.Tokenizer.Decode(greedy), string.Concat(pieces.Select(piece => piece.Text)));
        Assert.All(pieces.SkipLast(1), piece => Assert.Null(piece.End));
        Assert.Equal((FinishReason.Length, 40, 12), (pieces[^1].End!.Reason, pieces[^1].End!.PromptTokens, pieces[^1].End!.Tokens));
        // The same text by its prompt's text, read twice.
        var text = golden.RootElement.GetProperty("prompt_text").GetString()!;
        var generation = model.GenerateAsync(text, new() { Sampling = s_greedy, MaxTokens = 12 });
        Assert.Equal(pieces.Select(piece => piece.Text), (await PiecesAsync(generation)).Select(piece => piece.Text));
        Assert.Equal(pieces.Select(piece => piece.Text), (await PiecesAsync(generation)).Select(piece => piece.Text));
    }

    [Fact]
    public async Task Generations_at_once_give_the_texts_that_they_give_alone()
    {
        using var model = await LoadAsync();
        Task<GenerationResult> RunAsync(int number) => model.CompleteAsync(
            [ChatTurn.User($"Question {number}: {new string('x', number)}")],
            new() { MaxTokens = 16 + number % 5, Sampling = new SamplingOptions { Temperature = 1, TopP = 0.95f, Seed = (ulong)number } });
        var alone = new List<GenerationResult>();
        for (int i = 0; i < 8; i++) alone.Add(await RunAsync(i));
        var together = await Task.WhenAll(Enumerable.Range(0, 8).Select(number => Task.Run(() => RunAsync(number))));
        Assert.Equal(alone.Select(Computed), together.Select(Computed));
        Assert.True(alone.Select(result => result.Text).Distinct().Count() > 4);
    }

    [Fact]
    public async Task The_seed_that_is_told_gives_the_text_again()
    {
        using var model = await LoadAsync();
        var sampling = new SamplingOptions { Temperature = 1.5f };
        var first = await model.CompleteAsync("Once", new() { Sampling = sampling, MaxTokens = 20 });
        var again = await model.CompleteAsync("Once", new() { Sampling = sampling with { Seed = first.End.Seed }, MaxTokens = 20 });
        Assert.Equal(Computed(first), Computed(again));
        var other = await model.CompleteAsync("Once", new() { Sampling = sampling with { Seed = first.End.Seed + 1 }, MaxTokens = 20 });
        Assert.NotEqual(first.Text, other.Text);
    }

    [Fact]
    public async Task A_stop_string_ends_the_text_and_is_not_shown()
    {
        using var model = await LoadAsync();
        var options = new GenerationOptions { Sampling = s_greedy, MaxTokens = 30 };
        var whole = await model.CompleteAsync("The meeting", options);
        var stop = whole.Text.Substring(whole.Text.Length / 2, 3);
        var cut = await model.CompleteAsync("The meeting", options with { StopStrings = ["never there", stop] });
        Assert.Equal(whole.Text[..whole.Text.IndexOf(stop, StringComparison.Ordinal)], cut.Text);
        Assert.Equal((FinishReason.Stop, stop), (cut.End.Reason, cut.End.StopString));
        Assert.True(cut.End.Tokens < whole.End.Tokens);
    }

    [Fact]
    public async Task Cancelling_ends_it_and_leaves_the_model_as_it_was()
    {
        using var model = await LoadAsync(s_exact with { Limits = new() { Rows = 1 } });
        var expected = await model.CompleteAsync("Once", new() { Sampling = s_greedy, MaxTokens = 10 });
        using (var stop = new CancellationTokenSource())
        {
            int pieces = 0;
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                await foreach (var _ in model.GenerateAsync("Once", new() { Sampling = s_greedy, MaxTokens = 500 }, stop.Token))
                    if (++pieces == 3) stop.Cancel();
            });
            Assert.Equal(3, pieces);
        }
        // Who stops reading gives the only place back too.
        await foreach (var _ in model.GenerateAsync("Once", new() { Sampling = s_greedy })) break;
        Assert.Equal(expected.Text, (await model.CompleteAsync("Once", new() { Sampling = s_greedy, MaxTokens = 10 })).Text);
    }

    [Fact]
    public async Task What_does_not_fit_the_context_is_refused_with_the_counts()
    {
        using var model = await LoadAsync(folder: Shortened(64));
        Assert.Equal(64, model.Context);
        var error = Assert.Throws<ModelException>(() => model.GenerateAsync(new int[60], new() { MaxTokens = 10 }));
        Assert.Contains("60 tokens and 10 are to follow", error.Message, StringComparison.Ordinal);
        Assert.Contains("room for 64", error.Message, StringComparison.Ordinal);
        Assert.Throws<ModelException>(() => model.GenerateAsync(new int[64]));
        Assert.Throws<ModelException>(() => model.GenerateAsync(""));
        var full = await PiecesAsync(model.GenerateAsync(new int[60], new() { Sampling = s_greedy }));
        Assert.Equal((FinishReason.Length, 4), (full[^1].End!.Reason, full[^1].End!.Tokens));
        Assert.Throws<ArgumentException>(() => model.GenerateAsync("x", new() { MaxTokens = 0 }));
        Assert.Throws<ArgumentException>(() => model.GenerateAsync("x", new() { StopStrings = [""] }));
        Assert.Throws<ArgumentException>(() => model.GenerateAsync("x", new() { Sampling = new() { TopP = 0 } }));
    }

    [Fact]
    public async Task The_oldest_exchanges_go_whole_and_the_system_s_turn_stays()
    {
        using var model = await LoadAsync(folder: Shortened(128));
        ChatTurn[] chat =
        [
            ChatTurn.System("Be short."), ChatTurn.User("one"), ChatTurn.Assistant("1"), ChatTurn.Tool(null, "t"),
            ChatTurn.User("two"), ChatTurn.Assistant("2"), ChatTurn.User("three"),
        ];
        int whole = model.Encode(chat).Length;
        Assert.Equal(chat, model.FitToContext(chat, 128 - whole));
        Assert.Equal([chat[0], .. chat[4..]], model.FitToContext(chat, 128 - whole + 1));
        int shortest = model.Encode([chat[0], chat[6]]).Length;
        Assert.Equal([chat[0], chat[6]], model.FitToContext(chat, 128 - shortest));
        Assert.Contains(
            $"{shortest} tokens", Assert.Throws<ModelException>(() => model.FitToContext(chat, 129 - shortest)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Makers_recommendations_are_what_is_used_where_nothing_is_said()
    {
        using var model = await LanguageModel.LoadAsync(TestData.Require("goldens/qwen3-tiny/tied"), s_exact with { ChatFormat = "qwen3" });
        var sampling = model.DefaultSampling;
        Assert.Equal(
            (0.7f, 20, 0.8f, 1.1f, 0f),
            (sampling.Temperature, sampling.TopK, sampling.TopP, sampling.RepetitionPenalty, sampling.MinP));
        Assert.Equal("qwen3", model.Format.Name);
    }

    [Fact]
    public async Task Models_of_other_kinds_are_told_as_such()
    {
        var error = await Assert.ThrowsAsync<ModelException>(() => LanguageModel.LoadAsync(TestData.Require("goldens/wav2vec2-tiny/base")));
        Assert.Contains("'wav2vec2'", error.Message, StringComparison.Ordinal);
        using var model = await LanguageModel.LoadAsync(TestData.Require("goldens/qwen2-tiny/tied"));
        Assert.Contains("no chat template", Assert.Throws<ModelException>(() => model.Format).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tensor_too_many_or_too_few_is_found_before_use()
    {
        Copy("goldens/qwen2-tiny/tied");
        var config = File.ReadAllText(_folder.File("config.json"));
        _folder.Write("config.json", config.Replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1", StringComparison.Ordinal));
        Assert.Contains("model.layers.1.", await FailureAsync(), StringComparison.Ordinal);
        _folder.Write("config.json", config.Replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", StringComparison.Ordinal));
        Assert.Contains("'model.layers.2.", await FailureAsync(), StringComparison.Ordinal);
        _folder.Write("config.json", config.Replace("\"vocab_size\": 1536", "\"vocab_size\": 1500", StringComparison.Ordinal));
        Assert.Contains("only 1500", await FailureAsync(), StringComparison.Ordinal);

        async Task<string> FailureAsync() =>
            (await Assert.ThrowsAsync<CheckpointException>(() => LanguageModel.LoadAsync(_folder.Path, s_exact))).Message;
    }

    [Fact]
    public async Task A_real_model_answers_out_of_its_GGUF_file()
    {
        using var model = await LanguageModel.LoadAsync(
            TestData.Require("models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"), new() { Threads = 2 });
        Assert.Equal(("smollm2", 8192), (model.Format.Name, model.Context));
        Assert.Contains(model.Conversions, form => form.StoredAs == "Q4_1" && form.ComputedIn?.Name == "Q4_1");
        var answer = await model.CompleteAsync([ChatTurn.User("What is the capital of France?")], new() { MaxTokens = 30 });
        Assert.Contains("Paris", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("<|", answer.Text, StringComparison.Ordinal);
        Assert.Equal((FinishReason.Stop, 37), (answer.End.Reason, answer.End.PromptTokens));
    }

    /// <summary>What does not depend on prompts before.</summary>
    static GenerationResult Computed(GenerationResult result) => result with { End = result.End with { ReusedTokens = 0 } };

    static int[] Ids(JsonElement ids) => [.. ids.EnumerateArray().Select(id => id.GetInt32())];

    static async Task<List<GeneratedPiece>> PiecesAsync(IAsyncEnumerable<GeneratedPiece> pieces)
    {
        var all = new List<GeneratedPiece>();
        await foreach (var piece in pieces) all.Add(piece);
        return all;
    }

    static Task<LanguageModel> LoadAsync(LanguageModelOptions? options = null, string? folder = null) =>
        LanguageModel.LoadAsync(folder ?? TestData.Require("goldens/qwen2-tiny/tied"), options ?? s_exact);

    /// <summary>The same model with another context.</summary>
    string Shortened(int positions)
    {
        Copy("goldens/qwen2-tiny/tied");
        var config = File.ReadAllText(_folder.File("config.json"));
        _folder.Write("config.json", config.Replace(
            "\"max_position_embeddings\": 32768", $"\"max_position_embeddings\": {positions}", StringComparison.Ordinal));
        return _folder.Path;
    }

    void Copy(string golden)
    {
        foreach (var file in Directory.EnumerateFiles(TestData.Require(golden)))
            if (Path.GetExtension(file) != ".npy") File.WriteAllBytes(_folder.File(Path.GetFileName(file)), File.ReadAllBytes(file));
    }
}
