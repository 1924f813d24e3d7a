using Earshot.Chat;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Decoding.Grammars;
using Earshot.Tests.TextGeneration;

namespace Earshot.TextGeneration;

/// <summary>A draft changes the time that a text takes, and nothing of the text.</summary>
public sealed class DraftModelTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Formats => ["f32", "int8"];

    [Theory, MemberData(nameof(Formats))]
    public async Task The_text_is_the_same_with_and_without_a_draft(string format)
    {
        MadeLanguageModel.WriteRandom(_folder.File("large"), layers: 3, sharpness: 5);
        MadeLanguageModel.WriteRandom(_folder.File("small"), layers: 1, sharpness: 5);
        using var alone = await LoadAsync("large", null, format);
        using var itself = await LoadAsync("large", "large", format);
        using var guessed = await LoadAsync("large", "small", format);
        var json = Grammar.FromJsonSchema("""{"type": "object", "required": ["a"], "properties": {"a": {"type": "array"}}}""");
        GenerationOptions[] all =
        [
            new() { MaxTokens = 40, Sampling = new() { Temperature = 0 } },
            new() { MaxTokens = 40, Sampling = new() { Temperature = 0.8f, TopP = 0.9f, RepetitionPenalty = 1.2f, Seed = 5 } },
            new() { MaxTokens = 40, Sampling = new() { Temperature = 0.8f, Seed = 6 }, Grammar = json },
            new() { MaxTokens = 40, Sampling = new() { Temperature = 0.3f, Seed = 7 }, TopLogprobs = 3 },
        ];
        foreach (var options in all)
        {
            var expected = await TextAsync(alone, options);
            var own = await TextAsync(itself, options);
            var other = await TextAsync(guessed, options);
            Assert.Equal(expected.Text, own.Text);
            Assert.Equal(expected.Text, other.Text);
            Assert.Equal(expected.Tokens, other.Tokens);
            Assert.Equal(0, expected.End.DraftTokens);
            Assert.True(own.End.DraftTokens > 0);
            // The model's own guesses are right but for last bits, or for the format: a draft is computed in the machine's.
            int least = WeightFormat.Parse(format) == CpuDevice.PreferredWeights() ? own.End.DraftTokens * 9 / 10 : own.End.DraftTokens / 2;
            Assert.InRange(own.End.AcceptedDraftTokens, least, own.End.DraftTokens);
            Assert.Equal(0, (await TextAsync(itself, options with { UseDraft = false })).End.DraftTokens);
        }
        // A stop string in the middle of guesses.
        var stop = all[0] with { StopStrings = [(await TextAsync(alone, all[0])).Text[20..23]] };
        Assert.Equal((await TextAsync(alone, stop)).Text, (await TextAsync(guessed, stop)).Text);
        Assert.Equal((await TextAsync(alone, stop)).End.Tokens, (await TextAsync(guessed, stop)).End.Tokens);
        // And in company.
        Task<GenerationResult> RunAsync(LanguageModel model, int i) => model.CompleteAsync(
            $"Text {i}", new() { MaxTokens = 30, Sampling = new() { Temperature = 0.8f, Seed = (ulong)i } });
        var together = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => RunAsync(guessed, i))));
        for (int i = 0; i < together.Length; i++) Assert.Equal((await RunAsync(alone, i)).Text, together[i].Text);
    }

    [Fact]
    public async Task A_draft_of_another_vocabulary_is_refused()
    {
        MadeLanguageModel.WriteRandom(_folder.File("large"));
        MadeLanguageModel.WriteRandom(_folder.File("small"), ["ab"], layers: 1);
        MadeLanguageModel.WriteRandom(_folder.File("same"), ["cd"], layers: 1);
        Assert.Contains(
            "cannot guess", (await Assert.ThrowsAsync<ModelException>(() => LoadAsync("large", "small", "f32"))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "another token 256", (await Assert.ThrowsAsync<ModelException>(() => LoadAsync("same", "small", "f32"))).Message,
            StringComparison.Ordinal);
    }

    [Trait("Run", "Long"), Fact(Explicit = true)]
    public async Task Thirty_two_conversations_give_their_texts_and_come_on_alike()
    {
        MadeLanguageModel.WriteRandom(_folder.File("large"));
        using var model = await LoadAsync("large", null, "f32");
        var (counts, begun, least, gate) = (new int[32], (int[]?)null, 0, new Lock());
        async Task<string> RunAsync(int i, bool counting)
        {
            var text = "";
            var options = new GenerationOptions
            {
                MaxTokens = 400,
                TopLogprobs = 0,
                Sampling = new()
                {
                    Temperature = 0.9f,
                    Seed = (ulong)i,
                    LogitBias = Enumerable.Range(256, 3).ToDictionary(end => end, _ => float.NegativeInfinity),
                },
            };
            await foreach (var piece in model.GenerateAsync([ChatTurn.User($"Question {i}")], options))
            {
                text += piece.Text;
                if (!counting) continue;
                lock (gate)
                {
                    counts[i] += piece.Tokens.Count;
                    if (begun is null && counts.All(count => count > 0)) begun = [.. counts];
                    // From where all have begun: when the first is a hundred tokens further, the others are near it.
                    if (begun is not null && least == 0 && counts[i] - begun[i] >= 100)
                        least = Enumerable.Range(0, 32).Min(other => counts[other] - begun[other]);
                }
            }
            return text;
        }
        var together = await Task.WhenAll(Enumerable.Range(0, 32).Select(i => Task.Run(() => RunAsync(i, true))));
        Assert.InRange(least, 80, 100);
        for (int i = 0; i < 32; i += 5) Assert.Equal(await RunAsync(i, false), together[i]);
    }

    Task<LanguageModel> LoadAsync(string name, string? draft, string format) => LanguageModel.LoadAsync(
        _folder.File(name),
        new()
        {
            Threads = 2,
            Weights = WeightFormat.Parse(format),
            ChatFormat = "chatml",
            Draft = draft is null ? null : _folder.File(draft),
        });

    static async Task<(string Text, GenerationEnd End, List<(int, float)> Tokens)> TextAsync(LanguageModel model, GenerationOptions options)
    {
        var (text, tokens, end) = ("", new List<(int, float)>(), (GenerationEnd?)null);
        await foreach (var piece in model.GenerateAsync("Once upon a time", options))
        {
            text += piece.Text;
            tokens.AddRange(piece.Tokens.Select(token => (token.Id, token.Logprob)));
            end = piece.End;
        }
        return (text, end!, tokens);
    }
}
