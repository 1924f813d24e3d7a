using System.Globalization;
using System.Numerics.Tensors;
using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Decoding;
using Earshot.Evaluation;
using Earshot.Features;
using Earshot.Metrics;
using Earshot.Models;

namespace Earshot.Bench;

/// <summary>
/// How often weight formats choose another token than float32, teacher forced over float32's own greedy text, and how far
/// their probabilities are from its. Every position counts, so it tells small losses apart that word errors hide.
/// </summary>
internal static class Agreement
{
    // A text that loops (Whisper's measure) would count its words again and again.
    const float Loop = 2.4f;

    // Of a model of English: the start of the transcript, no timestamps.
    const int PromptLength = 2;

    static readonly DecodingOptions s_greedy = new() { WithoutTimestamps = true };

    /// <summary>Prints a line for each system of a model of English: a format, then exceptions by parts of names, as in <c>int8,fc2=bf16</c>.</summary>
    public static void Run(string model, string manifest, string[] systems)
    {
        using var checkpoint = WhisperCheckpoint.Open(model);
        using var exact = Open(checkpoint, "f32");
        var reduced = systems.Select(name => (Name: name, Runtime: Open(checkpoint, name), BySpeaker: new Dictionary<string, Tally>())).ToList();
        int loops = 0;
        foreach (var clip in EvaluationManifest.Read(manifest).Clips)
        {
            var features = Features(clip, checkpoint.Config.NumMelBins);
            if (Teach(exact, checkpoint, features) is not { } tokens)
            {
                loops++;
                continue;
            }
            var expected = Logits(exact, features, tokens);
            foreach (var system in reduced)
            {
                var tally = Tally.Of(expected, Logits(system.Runtime, features, tokens), checkpoint.Config.VocabSize);
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
            $"{name,-40} {tallies.Sum(tally => tally.Changed),5} of {positions} choices changed, {100 * rate.Estimate:F2} % ({100 * rate.Low:F2}–{100 * rate.High:F2}); divergence {1000 * tallies.Sum(tally => tally.Divergence) / positions:F2} millinats"));
    }

    static CpuWhisperRuntime Open(WhisperCheckpoint checkpoint, string system)
    {
        var parts = system.Split(',');
        var exceptions = parts[1..].Select(part => part.Split('=')).Select(pair => (Text: pair[0], Format: Format(pair[^1]))).ToList();
        var options = new CpuOptions
        {
            Weights = Format(parts[0]),
            WeightsFor = name => exceptions.Where(exception => name.Contains(exception.Text, StringComparison.Ordinal)).Select(exception => (WeightFormat?)exception.Format).FirstOrDefault(),
        };
        return new CpuWhisperRuntime(checkpoint.Weights, checkpoint.Config, checkpoint.Generation, new CpuDevice(options));
    }

    static WeightFormat Format(string name) =>
        WeightScheme.Names.TryGetValue(name, out var format) ? format : Enum.Parse<WeightFormat>(name, ignoreCase: true);

    static float[] Features(EvaluationClip clip, int mels)
    {
        var samples = new float[LogMelSpectrogram.WindowSamples];
        var recording = AudioFile.Load(clip.Audio);
        recording.AsSpan(0, Math.Min(recording.Length, samples.Length)).CopyTo(samples);
        var features = new float[3000 * mels];
        new LogMelSpectrogram(mels).Compute(samples, features, 3000, after: new float[LogMelSpectrogram.SamplesAfter]);
        return features;
    }

    /// <summary>Float32's tokens with the prompt before them; null where it loops.</summary>
    static int[]? Teach(CpuWhisperRuntime exact, WhisperCheckpoint checkpoint, float[] features)
    {
        using var audio = exact.Encode(features, 3000);
        var result = new DecodingTask(exact, checkpoint.Tokenizer).Run(audio, s_greedy);
        return result.CompressionRatio > Loop ? null : [.. DecodingPrompt.For(s_greedy, checkpoint.Tokenizer, checkpoint.Config.MaxTargetPositions).Tokens, .. result.Tokens];
    }

    /// <summary>Logits after the prompt's last token and after each token of the text.</summary>
    static float[] Logits(CpuWhisperRuntime runtime, float[] features, int[] tokens)
    {
        int prompt = PromptLength;
        using var audio = runtime.Encode(features, 3000);
        using var decoder = runtime.CreateDecoder(audio, 1);
        var logits = new float[(tokens.Length - prompt + 1) * decoder.VocabSize];
        decoder.Start(tokens, [.. Enumerable.Range(prompt - 1, tokens.Length - prompt + 1)], logits);
        return logits;
    }

    /// <summary>Positions, those at which the likeliest token is another, and the sum of Kullback and Leibler's divergences.</summary>
    readonly record struct Tally(int Positions, int Changed, double Divergence)
    {
        public static Tally operator +(Tally a, Tally b) => new(a.Positions + b.Positions, a.Changed + b.Changed, a.Divergence + b.Divergence);

        public static Tally Of(float[] expected, float[] actual, int vocabulary)
        {
            var sum = default(Tally);
            for (int first = 0; first < expected.Length; first += vocabulary) sum += At(expected.AsSpan(first, vocabulary), actual.AsSpan(first, vocabulary));
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
