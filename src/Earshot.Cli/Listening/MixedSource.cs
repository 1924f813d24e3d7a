using System.Numerics.Tensors;

namespace Earshot.Cli.Listening;

/// <summary>Two sources heard as one: their sum, sample by sample.</summary>
internal sealed class MixedSource(LiveSource first, LiveSource second) : LiveSource
{
    const int Most = 1600;

    readonly float[] _other = new float[Most];

    public override string Name => $"{first.Name} and {second.Name}";

    public override int SampleRate => first.SampleRate;

    public override bool IsRealTime => true;

    public override async ValueTask<int> ReadAsync(Memory<float> samples, CancellationToken cancellationToken)
    {
        int count = await first.ReadAsync(samples[..Math.Min(samples.Length, Most)], cancellationToken).ConfigureAwait(false);
        for (int filled = 0; filled < count;)
        {
            int more = await second.ReadAsync(_other.AsMemory(filled, count - filled), cancellationToken).ConfigureAwait(false);
            if (more == 0) return 0;
            filled += more;
        }
        TensorPrimitives.Add(samples.Span[..count], _other.AsSpan(0, count), samples.Span);
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            first.Dispose();
            second.Dispose();
        }
        base.Dispose(disposing);
    }
}
