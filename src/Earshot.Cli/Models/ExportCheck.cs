using Earshot.Audio;
using Earshot.Compute.Quantization;
using Earshot.Evaluation.Metrics;
using Earshot.Onnx.Export;
using Earshot.Onnx.Runtimes;
using Earshot.Transcription;

namespace Earshot.Cli.Models;

/// <summary>
/// Compares an exported or quantised model with its checkpoint on our own kernels: greedy transcripts of clips, by word error rate.
/// </summary>
internal sealed class ExportCheck(IReadOnlyList<GateClip> clips, double mostIncrease)
{
    static readonly TranscriptionOptions s_greedy = new() { Decoding = new() { BeamSize = 1 }, Fallback = new() { Temperatures = [0] } };

    public IReadOnlyList<GateClip> Clips => clips;

    /// <exception cref="ModelException">The word error rate grew too much.</exception>
    public async Task<GateResult> RunAsync(string checkpoint, string exported, StatusLine status, CancellationToken cancellationToken)
    {
        var exact = new TranscriberOptions { Weights = WeightFormat.F32 };
        using var before = await Transcriber.LoadAsync(checkpoint, exact, cancellationToken: cancellationToken).ConfigureAwait(false);
        using var after = await Task.Run(() => OnnxLoading.Open((exported, exported), new OnnxModelOptions(), null), cancellationToken)
            .ConfigureAwait(false);
        return await CompareAsync(before, after, status, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Compares two loaded models.</summary>
    /// <exception cref="ModelException">The word error rate grew too much.</exception>
    public async Task<GateResult> CompareAsync(
        Transcriber before, Transcriber after, StatusLine status, CancellationToken cancellationToken)
    {
        var scorer = new TextScorer(TextScoringOptions.ForLanguage("en"));
        int done = 0;
        var gate = new ExportGate(ErrorRate) { MostIncrease = mostIncrease };
        return await gate.CheckAsync(Of(before), Of(after), clips, cancellationToken).ConfigureAwait(false);

        double ErrorRate(IReadOnlyList<(string Reference, string Hypothesis)> pairs) =>
            scorer.Score(pairs.Select(pair => new TextPair("", pair.Reference, pair.Hypothesis)), cancellationToken).Counts.ErrorRate;

        ClipText Of(Transcriber transcriber) => async (clip, stop) =>
        {
            status.Show(_ => $"Checking … {done} of {2 * clips.Count} transcripts");
            var text = await TranscribeAsync(transcriber, clip, stop).ConfigureAwait(false);
            done++;
            return text;
        };
    }

    static async Task<string> TranscribeAsync(Transcriber transcriber, GateClip clip, CancellationToken cancellationToken)
    {
        using var samples = SampleStream.Open(clip.Path);
        var segments = new List<Segment>();
        var heard = transcriber.TranscribeAsync(new RecordedSamples(samples), s_greedy, cancellationToken: cancellationToken);
        await foreach (var segment in heard.ConfigureAwait(false)) segments.Add(segment);
        return new Transcript { Segments = segments, Info = new TranscriptionInfo() }.Text;
    }
}
