using Earshot.Audio;
using Earshot.Compute.Cpu;
using Earshot.Metrics;
using Earshot.Models;
using Earshot.Onnx.Export;
using Earshot.Onnx.Runner;
using Earshot.Transcription;

namespace Earshot.Cli.Models;

/// <summary>Compares an exported or quantised model with its checkpoint on our own kernels: greedy transcripts of clips, by word error rate.</summary>
internal sealed class ExportCheck(IReadOnlyList<GateClip> clips, double mostIncrease)
{
    static readonly TranscriptionOptions s_greedy = new() { BeamSize = 1, Temperatures = [0] };

    public IReadOnlyList<GateClip> Clips => clips;

    /// <exception cref="ModelException">The word error rate grew too much.</exception>
    public async Task<GateResult> RunAsync(string checkpoint, string exported, StatusLine status, CancellationToken cancellationToken)
    {
        using var before = await Transcriber.LoadAsync(checkpoint, new TranscriberOptions { Weights = WeightFormat.F32 }, cancellationToken: cancellationToken).ConfigureAwait(false);
        using var after = await Task.Run(() => OnnxWhisperRuntime.Open(exported), cancellationToken).ConfigureAwait(false);
        return await CompareAsync(before, after, status, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Compares two loaded models that share a tokenizer.</summary>
    /// <exception cref="ModelException">The word error rate grew too much.</exception>
    public async Task<GateResult> CompareAsync(Transcriber before, WhisperRuntime after, StatusLine status, CancellationToken cancellationToken)
    {
        var scorer = new TextScorer(TextScoringOptions.ForLanguage("en"));
        int done = 0;
        var gate = new ExportGate(
            (runtime, clip, stop) =>
            {
                status.Show(_ => $"Checking … {done} of {2 * clips.Count} transcripts");
                var text = Transcribe(new WhisperTranscriber(runtime, before.Tokenizer), clip, stop);
                done++;
                return text;
            },
            pairs => scorer.Score(pairs.Select(pair => new TextPair("", pair.Reference, pair.Hypothesis)), cancellationToken).Counts.ErrorRate)
        {
            MostIncrease = mostIncrease,
        };
        return await Task.Run(() => gate.Check(before.Runtime, after, clips, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    // The gate compares one clip at a time, and waits for it.
    static string Transcribe(WhisperTranscriber transcriber, GateClip clip, CancellationToken cancellationToken)
    {
        using var samples = SampleStream.Open(clip.Path);
        return transcriber.TranscribeToEndAsync(new RecordedSamples(samples), s_greedy, cancellationToken: cancellationToken).GetAwaiter().GetResult().Text;
    }
}
