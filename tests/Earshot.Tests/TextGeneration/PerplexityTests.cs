using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute.Quantization;
using Earshot.Tests.Models.CausalLm;

namespace Earshot.TextGeneration;

/// <summary>Perplexity against a plain float64 forward pass, window by window, and SmolLM2's against transformers.</summary>
public sealed class PerplexityTests : IDisposable
{
    static readonly string s_text = string.Concat(Enumerable.Range(0, 30).Select(i => $"Line {i * 17}: ü. "));

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(512, 256, 1)]
    [InlineData(100, 99, 5)]
    [InlineData(64, 20, 19)]
    [InlineData(2, 1, 412)]
    public async Task Every_token_but_the_first_is_scored_once(int window, int stride, int windows)
    {
        SmallLanguageModel.WriteTo(_folder.Path);
        using var run = new CausalLmRun(_folder.Path);
        using var model = await LanguageModel.LoadAsync(_folder.Path, new() { Threads = 2, Weights = WeightFormat.F32 });
        var ids = model.Tokenizer.Encode(s_text);
        var reference = new PlainCausalLm(run.Config, run.Weights);
        double expected = 0;
        int scored = 1, read = 0;
        for (int first = 0; scored < ids.Length; first += stride, read++)
        {
            int end = Math.Min(ids.Length, first + window);
            var logits = reference.Logits(ids.AsSpan(first..end));
            for (; scored < end; scored++)
            {
                var row = logits[scored - 1 - first];
                expected += Math.Log(row.Sum(value => Math.Exp(value))) - row[ids[scored]];
            }
        }
        var parts = new List<double>();
        var result = await model.MeasurePerplexityAsync(
            s_text, new() { Window = window, Stride = stride }, new Collect(parts), TestContext.Current.CancellationToken);
        Assert.Equal((ids.Length - 1, windows, read), (result.Tokens, result.Windows, result.Windows));
        Assert.Equal(expected, result.NegativeLogLikelihood, 1e-4 * expected);
        Assert.Equal(Math.Exp(result.NegativeLogLikelihood / result.Tokens), result.Perplexity, 1e-9 * result.Perplexity);
        // A token of this tokenizer is a byte.
        Assert.Equal(result.NegativeLogLikelihood / Math.Log(2) / ids.Length, result.BitsPerByte, 1e-12);
        Assert.Equal((windows, 1.0), (parts.Count, parts[^1]));
        Assert.Equal(parts.Order(), parts);
    }

    [Fact]
    public async Task What_cannot_be_measured_is_refused()
    {
        SmallLanguageModel.WriteTo(_folder.Path);
        using var model = await LanguageModel.LoadAsync(_folder.Path, new() { Threads = 2 });
        var token = TestContext.Current.CancellationToken;
        foreach (var options in (PerplexityOptions[])[new() { Window = 1 }, new() { Window = 2049 }, new() { Window = 8, Stride = 8 },
            new() { Stride = 0 }, new() { Adapter = "x" }])
            await Assert.ThrowsAsync<ArgumentException>(() => model.MeasurePerplexityAsync(s_text, options, null, token));
        await Assert.ThrowsAsync<ModelException>(() => model.MeasurePerplexityAsync("", null, null, token));
        await Assert.ThrowsAsync<ModelException>(() => model.MeasurePerplexityAsync("x", null, null, token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => model.MeasurePerplexityAsync(s_text, null, null, new CancellationToken(true)));
    }

    [Fact]
    public async Task SmolLM2_s_is_the_reference_s_within_a_thousandth()
    {
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/smollm2/perplexity.json")));
        using var model = await LanguageModel.LoadAsync(
            TestData.Require("models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"),
            new() { Threads = 2, Weights = WeightFormat.F32 });
        var result = await model.MeasurePerplexityAsync(
            golden.RootElement.GetProperty("text").GetString()!, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(308, result.Tokens);
        double expected = golden.RootElement.GetProperty("perplexity").GetDouble();
        Assert.Equal(expected, result.Perplexity, 1e-3 * expected);
        TestContext.Current.TestOutputHelper?.WriteLine($"{result.Perplexity} for {expected}");
    }

    sealed class Collect(List<double> parts) : IProgress<double>
    {
        public void Report(double value) => parts.Add(value);
    }
}
