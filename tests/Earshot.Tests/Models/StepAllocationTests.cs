using Earshot.Compute.Runtimes;

namespace Earshot.Tests.Models;

public class StepAllocationTests
{
    [Fact]
    public void A_decoding_step_allocates_nothing()
    {
        using var runtime = RandomWhisperTests.Open(RandomWhisperTests.Small());
        CheckSteps(runtime);
    }

    [Fact]
    public async Task A_step_of_mapped_weights_allocates_nothing() => CheckSteps((await WhisperBase.ShippedAsync()).Recognizer.Runtime);

    static void CheckSteps(ModelRuntime runtime)
    {
        int inputs = runtime.Parts.Encoder!.Shape.InputSize, vocabulary = runtime.Parts.Decoder!.Shape.VocabSize;
        using var audio = runtime.Encode(new float[400 * inputs], 400);
        using var decoder = runtime.CreateDecoder(audio, 5);
        var logits = new float[5 * vocabulary];
        int[] tokens = [1, 2, 3, 4, 5], parents = [1, 0, 3, 2, 4];
        decoder.Start([50258, 50259, 50359], [2], logits);
        for (int i = 0; i < 30; i++) Step();
        // A decoder alone computes on the thread that asks.
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (int i = 0; i < 30; i++) Step();
        }));

        void Step()
        {
            decoder.Step(tokens, logits);
            decoder.Reorder(parents);
        }
    }
}
