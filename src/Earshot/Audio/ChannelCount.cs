namespace Earshot.Audio;

/// <summary>Streams whose number of channels changes midway.</summary>
internal static class ChannelCount
{
    /// <summary>
    /// Makes frames of one number of channels to frames of another, in place: each new channel is the mean of the old ones.
    /// </summary>
    public static void Change(Span<float> samples, int frames, int from, int to)
    {
        // Each frame is read before the place that it is written to is reached.
        for (var n = 0; n < frames; n++)
        {
            var i = to > from ? frames - 1 - n : n;
            var sum = 0f;
            foreach (var sample in samples.Slice(i * from, from)) sum += sample;
            samples.Slice(i * to, to).Fill(sum / from);
        }
    }
}
