using System.Runtime.InteropServices;
using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Models;

namespace Earshot.Tests.Models;

public class SileroVadTests
{
    // tests/goldens/silero-vad-probabilities.json: silero_vad.onnx of the same weights in ONNX Runtime 1.30, rounded to 6 digits.
    [Theory]
    [InlineData("jfk.wav")]
    [InlineData("two-speakers.wav")]
    public void Probabilities_match_the_published_graph(string clip)
    {
        using var weights = SafetensorsFile.Open(TestData.Require("models/silero-vad/silero_vad_16k.safetensors"));
        using var device = new CpuDevice();
        using var vad = new SileroVad(weights, device);
        var samples = Samples(clip);
        var probabilities = new List<float>();
        for (int i = 0; i < samples.Length; i += 1000) vad.Process(samples.AsSpan(i, Math.Min(1000, samples.Length - i)), probabilities);

        using var golden = JsonDocument.Parse(File.ReadAllText(Path.Combine(TestData.RepositoryRoot, "tests/goldens/silero-vad-probabilities.json")));
        float[] expected = [.. golden.RootElement.GetProperty(clip).EnumerateArray().Select(value => value.GetSingle())];
        Assert.Equal(expected.Length, probabilities.Count);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], probabilities[i], 1e-4f);
    }

    static float[] Samples(string clip)
    {
        var bytes = File.ReadAllBytes(TestData.Require("audio/" + clip));
        return [.. MemoryMarshal.Cast<byte, short>(bytes.AsSpan(44)).ToArray().Select(sample => sample / 32768f)];
    }
}
