using System.Globalization;
using System.Text.Json;
using Earshot.Audio;
using Earshot.Decoding;
using Earshot.Evaluation;

namespace Earshot.Bench;

/// <summary>
/// A larger test set of a few recordings: each as it is, then at other speeds, behind silence, in noise and at other levels,
/// with the same words. The same seed gives the same files. Variants of one recording are not independent of each other.
/// </summary>
internal static class AugmentedClips
{
    const int SampleRate = SampleStream.SampleRate;

    // A little below full scale, so that no variant clips.
    const float Loudest = 0.98f;

    static readonly int[] s_signalToNoise = [30, 20, 15, 10];

    /// <summary>Writes variants of a manifest's clips, the first as it is, and manifest.jsonl beside them.</summary>
    public static void Write(string manifest, string folder, int variants, ulong seed)
    {
        var clips = EvaluationManifest.Read(manifest).Clips;
        Directory.CreateDirectory(folder);
        using var lines = new StreamWriter(Path.Combine(folder, "manifest.jsonl"));
        for (int i = 0; i < clips.Count; i++)
        {
            var samples = AudioFile.Load(clips[i].Audio);
            for (int variant = 0; variant < variants; variant++)
            {
                var random = new SeededRandom(SeededRandom.Derive(seed, (ulong)i << 32 | (uint)variant));
                var name = string.Create(
                    CultureInfo.InvariantCulture, $"{Path.GetFileNameWithoutExtension(clips[i].Audio)}-{variant:00}.wav");
                WavWriter.Write(Path.Combine(folder, name), variant == 0 ? samples : Vary(samples, ref random), SampleRate);
                lines.WriteLine(Line(clips[i], name));
            }
        }
        Console.WriteLine($"{clips.Count * variants} clips in {folder}");
    }

    static string Line(EvaluationClip clip, string name)
    {
        var fields = new Dictionary<string, string> { ["audio"] = name };
        if (clip.Reference is { } text) fields["text"] = text;
        // What intervals by speaker take as one: the recording's speaker.
        if (clip.Speaker is { } speaker) fields["speaker"] = speaker;
        return JsonSerializer.Serialize(fields);
    }

    static float[] Vary(float[] samples, ref SeededRandom random)
    {
        // Speed and pitch together, by as much as 6 % either way.
        int percent = 94 + Next(ref random, 13);
        var speech = Resampler.Resample(samples, SampleRate * percent / 100, SampleRate);
        int before = Next(ref random, 2 * SampleRate), after = Next(ref random, SampleRate);
        var varied = new float[before + speech.Length + after];
        speech.CopyTo(varied, before);

        int kind = Next(ref random, 2 * s_signalToNoise.Length + 1);
        if (kind > 0) AddNoise(varied, RootMeanSquare(speech), s_signalToNoise[(kind - 1) / 2], pink: kind % 2 == 0, ref random);
        float gain = MathF.Pow(10, (float)(-18 + 24 * random.NextDouble()) / 20), largest = 0;
        foreach (float sample in varied) largest = MathF.Max(largest, MathF.Abs(sample));
        gain = MathF.Min(gain, Loudest / MathF.Max(largest, float.Epsilon));
        for (int i = 0; i < varied.Length; i++) varied[i] *= gain;
        return varied;
    }

    static void AddNoise(float[] samples, float speechLevel, int decibels, bool pink, ref SeededRandom random)
    {
        var noise = new float[samples.Length];
        float slow = 0, middle = 0, fast = 0;
        for (int i = 0; i < noise.Length; i++)
        {
            // Box and Muller's normal values.
            float white = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
            // Kellet's three-pole filter, within half a decibel of 1 / f.
            slow = 0.99765f * slow + 0.0990460f * white;
            middle = 0.96300f * middle + 0.2965164f * white;
            fast = 0.57000f * fast + 1.0526913f * white;
            noise[i] = pink ? slow + middle + fast + 0.1848f * white : white;
        }
        float scale = speechLevel / RootMeanSquare(noise) * MathF.Pow(10, -decibels / 20f);
        for (int i = 0; i < samples.Length; i++) samples[i] += scale * noise[i];
    }

    static float RootMeanSquare(float[] samples)
    {
        double sum = 0;
        foreach (float sample in samples) sum += sample * sample;
        return (float)Math.Sqrt(sum / Math.Max(1, samples.Length));
    }

    static int Next(ref SeededRandom random, int count) => (int)(random.NextDouble() * count);
}
