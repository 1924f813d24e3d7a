using Earshot.Compute.Runtimes;

namespace Earshot.Testing;

/// <summary>A runtime's calls, waited for: most tests make one after the other.</summary>
internal static class RuntimeCalls
{
    public static EncodedAudio Encode(
        this ModelRuntime runtime, ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken = default) =>
        Wait(runtime.RequireEncoder().EncodeAsync(features, frames, cancellationToken));

    public static float[] EncodeToArray(this ModelRuntime runtime, ReadOnlyMemory<float> features, int frames) =>
        Wait(runtime.RequireEncoder().EncodeToArrayAsync(features, frames));

    public static GenerationCalls CreateDecoder(
        this ModelRuntime runtime, EncodedAudio? audio, int rows, CancellationToken cancellationToken = default) =>
        new(Wait(runtime.RequireDecoder().BeginAsync(audio, rows, cancellationToken)));

    public static T Wait<T>(ValueTask<T> task) => task.IsCompletedSuccessfully ? task.Result : task.AsTask().GetAwaiter().GetResult();

    public static void Wait(ValueTask task)
    {
        if (task.IsCompletedSuccessfully) task.GetAwaiter().GetResult();
        else task.AsTask().GetAwaiter().GetResult();
    }
}

/// <summary>A generation's calls, waited for.</summary>
internal sealed class GenerationCalls(Generation generation) : IDisposable
{
    public Generation Generation => generation;

    public int VocabSize => generation.VocabSize;

    public int Length => generation.Length;

    public int Rows => generation.Rows;

    public void Start(
        ReadOnlyMemory<int> prompt, ReadOnlyMemory<int> wanted, Memory<float> logits, CancellationToken cancellationToken = default) =>
        RuntimeCalls.Wait(generation.PromptAsync(prompt, wanted, logits, cancellationToken));

    public void Start(int[] prompt, int[] wanted, Memory<float> logits, CancellationToken cancellationToken = default) =>
        Start(prompt.AsMemory(), wanted.AsMemory(), logits, cancellationToken);

    public void Start(IReadOnlyList<PromptPart> prompt, int[] wanted, Memory<float> logits) =>
        RuntimeCalls.Wait(generation.PromptAsync(prompt, wanted, logits));

    public void Step(ReadOnlyMemory<int> tokens, Memory<float> logits, CancellationToken cancellationToken = default) =>
        RuntimeCalls.Wait(generation.StepAsync(tokens, logits, cancellationToken));

    public void Step(int[] tokens, Memory<float> logits, CancellationToken cancellationToken = default) =>
        Step(tokens.AsMemory(), logits, cancellationToken);

    public void Extend(int[] tokens, Memory<float> logits) => RuntimeCalls.Wait(generation.ExtendAsync(tokens, logits));

    public void Reorder(params ReadOnlySpan<int> parents) => generation.Reorder(parents);

    public void Truncate(int length) => generation.Truncate(length);

    public float[] Align(int[] tokens, Memory<float> logits) => RuntimeCalls.Wait(generation.AlignAsync(tokens, logits));

    public void Dispose() => generation.Dispose();
}
