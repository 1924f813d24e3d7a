namespace Earshot.Tests.Decoding;

/// <summary>Ten seconds in which nobody speaks, as goldens/whisper-base/nospeech.json defines them.</summary>
internal static class NonSpeech
{
    const int Length = 160_000;

    public static float[] Of(string input) => input switch
    {
        "silence" => new float[Length],
        "noise_0.1" => Noise(0.1),
        "noise_0.001" => Noise(0.001),
        "tone_440" => [.. Enumerable.Range(0, Length).Select(n => (float)(0.3 * Math.Sin(2 * Math.PI * 440 * n / 16_000)))],
        _ => throw new ArgumentException(input, nameof(input)),
    };

    static float[] Noise(double amplitude)
    {
        uint state = 1;
        var samples = new float[Length];
        foreach (ref float sample in samples.AsSpan())
        {
            state = 1_664_525 * state + 1_013_904_223;
            sample = (float)(amplitude * (state / 2147483648.0 - 1));
        }
        return samples;
    }
}
