using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation.Tests.Metrics;

public class PublishedFiguresTests
{
    const string Mean = "Open ASR Leaderboard, English short-form, mean of 8";

    [Theory]
    [InlineData("whisper-large-v3-turbo", Mean, 7.83)]
    [InlineData("openai/whisper-large-v3", Mean, 7.44)]
    [InlineData("nvidia/stt_en_conformer_ctc_large", Mean, 8.31875)]
    [InlineData("canary-qwen-2.5b", Mean, 5.63)]
    public void A_known_systems_figure_is_found(string system, string dataset, double value)
    {
        var figure = Assert.Single(PublishedFigures.Of(system), figure => figure.Dataset == dataset);

        Assert.Equal((value, "%", "WER"), (figure.Value, figure.Unit, figure.Metric));
    }

    [Fact]
    public void Every_figure_has_a_source_and_occurs_once()
    {
        Assert.All(PublishedFigures.All, figure =>
        {
            Assert.InRange(figure.Value, 0.1, 100);
            Assert.Equal("https", figure.Source.Url.Scheme);
            Assert.InRange(figure.Source.Date, new DateOnly(2020, 1, 1), new DateOnly(2026, 12, 31));
        });
        Assert.Equal(
            PublishedFigures.All.Count,
            PublishedFigures.All.DistinctBy(figure => (figure.System, figure.Dataset, figure.Source.Id)).Count());
    }

    [Fact]
    public void The_means_are_those_of_their_sets()
    {
        foreach (var system in PublishedFigures.All.Where(figure => figure.Source.Id == "open-asr-short").GroupBy(figure => figure.System))
        {
            var sets = system.Where(figure => figure.Dataset != Mean).ToArray();

            Assert.Equal(8, sets.Length);
            Assert.Equal(sets.Average(figure => figure.Value), system.Single(figure => figure.Dataset == Mean).Value, 0.06);
        }
    }
}
