using System.Numerics.Tensors;

namespace Earshot.Audio;

/// <summary>
/// Makes one channel of a recording's: a chosen one, or the mean. Where the mean loses nearly all energy (microphones wired in
/// opposite phase, a balanced line recorded as stereo), the strongest channel is taken, block by block, and the reader told once.
/// </summary>
internal sealed class ChannelMixer(AudioReader reader, int? channel)
{
    // 20 dB below what the mean of channels that have nothing in common would hold: sound in one channel alone keeps all of that.
    const double Cancelled = 0.01;

    // A mean square below -90 dBFS is no sound that anybody misses.
    const double Inaudible = 1e-9;

    readonly double[] _energies = new double[reader.Channels];
    float[] _mono = [];
    long _frames;
    bool _cancels;
    bool _told;

    /// <summary>
    /// The mono samples of one block of whole frames, whose samples that are no finite number become 0; valid until the next call.
    /// </summary>
    public ReadOnlySpan<float> Mix(Span<float> interleaved)
    {
        Silence(interleaved);
        var channels = reader.Channels;
        if (channels == 1) return interleaved;
        var frames = interleaved.Length / channels;
        if (_mono.Length < frames) _mono = new float[frames];
        var mono = _mono.AsSpan(0, frames);
        if (channel is { } chosen)
        {
            Take(interleaved, chosen, mono);
            return mono;
        }
        Average(interleaved, mono);
        Silence(mono);
        if (Cancels(interleaved, mono)) Take(interleaved, Strongest(), mono);
        _frames += frames;
        return mono;
    }

    /// <summary>Whether the channels of this block cancel; a block of silence goes as the one before.</summary>
    bool Cancels(ReadOnlySpan<float> interleaved, ReadOnlySpan<float> mono)
    {
        double channels = reader.Channels;
        double all = TensorPrimitives.SumOfSquares(interleaved);
        if (!double.IsFinite(all) || all < Inaudible * interleaved.Length) return _cancels;
        _cancels = TensorPrimitives.SumOfSquares(mono) < Cancelled * all / (channels * channels);
        if (!_cancels) return false;
        for (var i = 0; i < interleaved.Length; i++) _energies[i % _energies.Length] += interleaved[i] * interleaved[i];
        if (_told) return true;
        _told = true;
        reader.Warn(
            AudioWarningKind.ChannelsCancel,
            $"the mean of the {channels} channels is nearly silent, since they have opposite phase; channel {Strongest()} is heard alone.",
            reader.TimeOf(_frames));
        return true;
    }

    /// <summary>The channel with the most energy where they cancelled so far, the first of equals.</summary>
    int Strongest() => Array.IndexOf(_energies, _energies.Max());

    static void Take(ReadOnlySpan<float> interleaved, int from, Span<float> mono)
    {
        var channels = interleaved.Length / mono.Length;
        for (var i = 0; i < mono.Length; i++) mono[i] = interleaved[(i * channels) + from];
    }

    static void Average(ReadOnlySpan<float> interleaved, Span<float> mono)
    {
        var channels = interleaved.Length / mono.Length;
        var scale = 1f / channels;
        for (var i = 0; i < mono.Length; i++)
        {
            var sum = 0f;
            foreach (var sample in interleaved.Slice(i * channels, channels)) sum += sample;
            mono[i] = sum * scale;
        }
    }

    /// <summary>Sets what is no finite number to 0.</summary>
    static void Silence(Span<float> samples)
    {
        // A sum is finite only where every term is; large but finite samples may fail this, and then are looked at one by one.
        if (float.IsFinite(TensorPrimitives.SumOfMagnitudes<float>(samples))) return;
        foreach (ref var sample in samples)
        {
            if (!float.IsFinite(sample)) sample = 0;
        }
    }
}
