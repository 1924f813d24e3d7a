using System.Runtime.InteropServices;
using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Models;

namespace Earshot.Tests.Models;

public class SileroVadTests
{
    [Theory]
    [InlineData("jfk.wav")]
    [InlineData("two-speakers.wav")]
    public void Probabilities_match_plain_double_precision(string clip)
    {
        using var weights = SafetensorsFile.Open(TestModels.SileroVad);
        var samples = Samples(clip);
        var expected = new PlainSileroVad(weights).Run(samples);
        var probabilities = Probabilities(weights, samples, 1000);
        Assert.Equal(expected.Count, probabilities.Count);
        for (int i = 0; i < expected.Count; i++) Assert.Equal(expected[i], probabilities[i], 1e-4);
    }

    [Fact]
    public void Pieces_of_any_size_give_the_same_probabilities()
    {
        using var weights = SafetensorsFile.Open(TestModels.SileroVad);
        var samples = Samples("jfk.wav");
        Assert.Equal(Probabilities(weights, samples, samples.Length), Probabilities(weights, samples, 317));
    }

    // tests/goldens/silero-vad-probabilities.json: silero_vad.onnx, another release with other weights, in ONNX Runtime 1.30.
    [Theory]
    [InlineData("jfk.wav")]
    [InlineData("two-speakers.wav")]
    public void Decisions_agree_with_another_release_of_the_model(string clip)
    {
        using var weights = SafetensorsFile.Open(TestModels.SileroVad);
        var probabilities = Probabilities(weights, Samples(clip), 4096);
        using var golden = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(TestData.RepositoryRoot, "tests/goldens/silero-vad-probabilities.json")));
        float[] other = [.. golden.RootElement.GetProperty(clip).EnumerateArray().Select(value => value.GetSingle())];
        Assert.Equal(other.Length, probabilities.Count);
        int agree = other.Zip(probabilities).Count(pair => pair.First >= 0.5f == pair.Second >= 0.5f);
        TestContext.Current.TestOutputHelper?.WriteLine($"{agree} of {other.Length} windows");
        Assert.True(agree >= 0.93 * other.Length, $"{agree} of {other.Length} windows are decided alike");
    }

    static List<float> Probabilities(SafetensorsFile weights, float[] samples, int piece)
    {
        using var device = new CpuDevice();
        using var vad = new SileroVad(weights, device);
        var probabilities = new List<float>();
        for (int i = 0; i < samples.Length; i += piece) vad.Process(samples.AsSpan(i, Math.Min(piece, samples.Length - i)), probabilities);
        return probabilities;
    }

    static float[] Samples(string clip)
    {
        var bytes = File.ReadAllBytes(TestRecordings.Path(clip));
        return [.. MemoryMarshal.Cast<byte, short>(bytes.AsSpan(44)).ToArray().Select(sample => sample / 32768f)];
    }
}
