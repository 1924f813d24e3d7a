namespace Earshot.Onnx.Runtimes;

/// <summary>Features in the order of a graph's input.</summary>
static class FrameOrder
{
    /// <summary>(frames, inputs) as (inputs, frames).</summary>
    public static void BySize(ReadOnlySpan<float> features, int inputs, Span<float> bySize)
    {
        int frames = features.Length / inputs;
        for (int t = 0; t < frames; t++)
        {
            for (int i = 0; i < inputs; i++) bySize[i * frames + t] = features[t * inputs + i];
        }
    }
}
