using System.Globalization;
using System.Numerics.Tensors;
using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Evaluation;
using Earshot.Evaluation.Metrics;
using Earshot.Features;
using Earshot.Models;
using Earshot.Recognition;
using Earshot.Tokenizers;

namespace Earshot.Bench;

/// <summary>
/// How often weight formats choose another token than float32, teacher forced over float32's own greedy text, and how far
/// their probabilities are from its. Every position counts, so it tells small losses apart that word errors hide.
/// </summary>
internal static class Agreement
{
    // A text that loops (Whisper's measure) would count its words again and again.
    const float Loop = 2.4f;

    const int Frames = LogMelSpectrogram.WindowFrames;

    // Of a model of English: the start of the transcript, no timestamps.
    const int PromptLength = 2;

    static readonly DecodingOptions s_greedy = new() { BeamSize = 1, BestOf = 1, WithoutTimestamps = true };

    /// <summary>
    /// Prints a line for each system of a model of English: a format, then exceptions by parts of names, as in <c>int8,fc2=bf16</c>.
    /// </summary>
    public static async Task RunAsync(string folder, string manifest, string[] systems)
    {
        var model = ModelFamilies.Open(folder);
        using var weights = new ModelFolder(folder).OpenWeights();
        using var exact = Open(model, weights, "f32");
        var reduced = systems.Select(name => (Name: name, Runtime: Open(model, weights, name), BySpeaker: new Dictionary<string, Tally>()))
            .ToList();
        int loops = 0;
        foreach (var clip in EvaluationManifest.Read(manifest).Clips)
        {
            var features = Features(clip, exact.RequireEncoder().Shape.InputSize);
            if (await TeachAsync(exact, model, features) is not { } tokens)
            {
                loops++;
                continue;
            }
            var expected = await LogitsAsync(exact, features, tokens);
            foreach (var system in reduced)
            {
                var tally = Tally.Of(expected, await LogitsAsync(system.Runtime, features, tokens), exact.RequireDecoder().Shape.VocabSize);
                system.BySpeaker[clip.Speaker ?? clip.Id] = system.BySpeaker.GetValueOrDefault(clip.Speaker ?? clip.Id) + tally;
            }
        }
        Console.WriteLine($"{loops} clips left out, on which float32 loops; intervals by speaker");
        foreach (var (name, runtime, bySpeaker) in reduced)
        {
            Print(name, [.. bySpeaker.Values]);
            runtime.Dispose();
        }
    }

    static void Print(string name, Tally[] tallies)
    {
        var rate = Bootstrap.ErrorRate([.. tallies.Select(tally => new EditCounts(tally.Positions - tally.Changed, tally.Changed, 0, 0))]);
        int positions = tallies.Sum(tally => tally.Positions);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name,-40} {tallies.Sum(tally => tally.Changed),5} of {positions} choices changed, " +
            $"{100 * rate.Estimate:F2} % ({100 * rate.Low:F2}–{100 * rate.High:F2}); " +
            $"divergence {1000 * tallies.Sum(tally => tally.Divergence) / positions:F2} millinats"));
    }

    static CpuModelRuntime Open(SpeechModel model, ModelWeights weights, string system)
    {
        var wish = WeightWish.Parse(system);
        var options = new WeightChoice
        {
            Wished = wish.Format,
            WishedFor = wish.For,
            SavedAs = weights.Quantized is { } saved ? saved.FormatOf : null,
            Priority = wish.Priority,
        }.Apply(new CpuOptions());
        return new CpuModelRuntime(model.Parts, model.Prepare(weights), new CpuDevice(options));
    }

    static float[] Features(EvaluationClip clip, int mels)
    {
        var samples = new float[LogMelSpectrogram.WindowSamples];
        var recording = AudioFile.Load(clip.Audio);
        recording.AsSpan(0, Math.Min(recording.Length, samples.Length)).CopyTo(samples);
        var features = new float[Frames * mels];
        new LogMelSpectrogram(mels).Compute(samples, features, Frames, after: new float[LogMelSpectrogram.SamplesAfter]);
        return features;
    }

    /// <summary>Float32's tokens with the prompt before them; null where it loops.</summary>
    static async Task<int[]?> TeachAsync(CpuModelRuntime exact, SpeechModel model, float[] features)
    {
        using var audio = await exact.RequireEncoder().EncodeAsync(features, Frames);
        var (decoder, tokenizer) = (exact.RequireDecoder(), (WhisperTokenizer)model.RequireTokenizer());
        var result = await new WhisperDecodingTask(decoder, tokenizer, ((WhisperPrompt)model.Prompt!).Generation).RunAsync(audio, s_greedy);
        return result.CompressionRatio > Loop
            ? null
            : [.. DecodingPrompt.For(s_greedy, tokenizer, decoder.Shape.MostPositions).Tokens, .. result.Tokens];
    }

    /// <summary>Logits after the prompt's last token and after each token of the text.</summary>
    static async Task<float[]> LogitsAsync(CpuModelRuntime runtime, float[] features, int[] tokens)
    {
        using var audio = await runtime.RequireEncoder().EncodeAsync(features, Frames);
        using var generation = await runtime.RequireDecoder().BeginAsync(audio, 1);
        int[] wanted = [.. Enumerable.Range(PromptLength - 1, tokens.Length - PromptLength + 1)];
        var logits = new float[wanted.Length * generation.VocabSize];
        await generation.PromptAsync(tokens, wanted, logits);
        return logits;
    }

    /// <summary>Positions, those at which the likeliest token is another, and the sum of Kullback and Leibler's divergences.</summary>
    readonly record struct Tally(int Positions, int Changed, double Divergence)
    {
        public static Tally operator +(Tally a, Tally b) =>
            new(a.Positions + b.Positions, a.Changed + b.Changed, a.Divergence + b.Divergence);

        public static Tally Of(float[] expected, float[] actual, int vocabulary)
        {
            var sum = default(Tally);
            for (int first = 0; first < expected.Length; first += vocabulary)
                sum += At(expected.AsSpan(first, vocabulary), actual.AsSpan(first, vocabulary));
            return sum;
        }

        static Tally At(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
        {
            double divergence = 0, p = LogSum(expected), q = LogSum(actual);
            for (int i = 0; i < expected.Length; i++) divergence += Math.Exp(expected[i] - p) * (expected[i] - p - (actual[i] - q));
            return new Tally(1, TensorPrimitives.IndexOfMax(expected) == TensorPrimitives.IndexOfMax(actual) ? 0 : 1, divergence);
        }

        static double LogSum(ReadOnlySpan<float> logits)
        {
            float largest = TensorPrimitives.Max(logits);
            double sum = 0;
            foreach (float logit in logits) sum += Math.Exp(logit - largest);
            return largest + Math.Log(sum);
        }
    }
}
