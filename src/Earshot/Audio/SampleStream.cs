using System.Numerics.Tensors;

namespace Earshot.Audio;

/// <summary>
/// A recording as the models hear it: one channel at 16 kHz, streamed. Channels are averaged, or one is chosen;
/// samples that are no finite number become 0. Not safe for use by several threads at once.
/// </summary>
public sealed class SampleStream : IDisposable
{
    /// <summary>The rate of every model here: 16,000 samples a second.</summary>
    public const int SampleRate = 16_000;

    const int SamplesAtOnce = 16 * 1024;

    readonly AudioReader _reader;
    readonly int? _channel;
    readonly Resampler _resampler;
    readonly float[] _interleaved;
    readonly float[] _mono;
    bool _ended;

    /// <param name="reader">The recording, which this stream then owns.</param>
    /// <param name="channel">The one channel to hear, counted from 0; the mean of all where null.</param>
    public SampleStream(AudioReader reader, int? channel = null)
    {
        ArgumentNullException.ThrowIfNull(reader);
        if (channel is { } chosen && (chosen < 0 || chosen >= reader.Channels))
            throw new ArgumentOutOfRangeException(nameof(channel), chosen, $"'{reader.Name}' has {reader.Channels} channels, counted from 0.");
        _reader = reader;
        _channel = channel;
        _resampler = new Resampler(reader.SampleRate, SampleRate);
        var frames = Math.Max(256, SamplesAtOnce / reader.Channels);
        _interleaved = new float[frames * reader.Channels];
        _mono = new float[frames];
    }

    /// <summary>The number of samples this stream will give, when the recording can tell.</summary>
    public long? TotalSamples => _reader.TotalFrames is { } frames ? _resampler.OutputLength(frames) : null;

    /// <summary>The recording's length, when it can tell.</summary>
    public TimeSpan? Duration => _reader.Duration;

    /// <summary>Opens a recording by path, <c>-</c> being standard input.</summary>
    /// <exception cref="AudioFormatException">As <see cref="AudioReader.Open(string)"/>.</exception>
    public static SampleStream Open(string path, int? channel = null)
    {
        var reader = AudioReader.Open(path);
        try
        {
            return new SampleStream(reader, channel);
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <summary>Reads until the span is full or the recording ends; returns the number of samples, 0 only at the end.</summary>
    /// <exception cref="AudioFormatException">The recording is damaged from here on.</exception>
    public int Read(Span<float> samples)
    {
        var total = 0;
        while (total < samples.Length)
        {
            var read = _resampler.Read(samples[total..]);
            total += read;
            if (read > 0) continue;
            if (_ended) break;
            Feed();
        }
        return total;
    }

    public void Dispose() => _reader.Dispose();

    void Feed()
    {
        var frames = _reader.Read(_interleaved);
        if (frames == 0)
        {
            _ended = true;
            _resampler.Complete();
            return;
        }
        var samples = _interleaved.AsSpan(0, frames * _reader.Channels);
        Silence(samples);
        _resampler.Write(Mix(samples, frames));
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

    ReadOnlySpan<float> Mix(ReadOnlySpan<float> interleaved, int frames)
    {
        var channels = _reader.Channels;
        if (channels == 1) return interleaved;
        var mono = _mono.AsSpan(0, frames);
        if (_channel is { } channel)
        {
            for (var i = 0; i < mono.Length; i++) mono[i] = interleaved[(i * channels) + channel];
            return mono;
        }
        var scale = 1f / channels;
        for (var i = 0; i < mono.Length; i++)
        {
            var sum = 0f;
            foreach (var sample in interleaved.Slice(i * channels, channels)) sum += sample;
            mono[i] = sum * scale;
        }
        Silence(mono);
        return mono;
    }
}
