using System.Numerics.Tensors;

namespace Earshot.Features;

/// <summary>The samples themselves, as they are or with mean 0 and variance 1 over the stretch that is heard at once.</summary>
public sealed record SampleSettings(bool Normalize = false) : FeatureSettings
{
    public override int InputSize => 1;

    public override int HopLength => 1;

    public override FeatureExtractor CreateExtractor() => new SampleExtractor(Normalize);
}

/// <summary>Copies or normalises samples. What is missing is 0 after normalising, and mean and variance are of what is there.</summary>
sealed class SampleExtractor(bool normalize) : FeatureExtractor
{
    const double Epsilon = 1e-7;

    public override void Compute(
        ReadOnlySpan<float> samples,
        Span<float> frames,
        int frameCount,
        ReadOnlySpan<float> before = default,
        ReadOnlySpan<float> after = default)
    {
        frames[samples.Length..frameCount].Clear();
        var heard = frames[..samples.Length];
        samples.CopyTo(heard);
        if (!normalize || samples.IsEmpty) return;
        double sum = 0, squares = 0;
        foreach (float sample in samples) sum += sample;
        double mean = sum / samples.Length;
        foreach (float sample in samples) squares += (sample - mean) * (sample - mean);
        TensorPrimitives.Subtract(heard, (float)mean, heard);
        TensorPrimitives.Multiply(heard, (float)(1 / Math.Sqrt((squares / samples.Length) + Epsilon)), heard);
    }
}
