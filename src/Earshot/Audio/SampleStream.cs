namespace Earshot.Audio;

/// <summary>
/// A recording as the models hear it: one channel at 16 kHz, streamed. Channels are averaged, or one is chosen; where they
/// cancel each other out, the strongest is heard. Samples that are no finite number become 0. Not safe for use by several
/// threads at once.
/// </summary>
public sealed class SampleStream : IDisposable
{
    /// <summary>The rate of every model here: 16,000 samples a second.</summary>
    public const int SampleRate = 16_000;

    const int BlocksASecond = 10;

    readonly AudioReader _reader;
    readonly ChannelMixer _mixer;
    readonly Resampler _resampler;
    readonly float[] _interleaved;
    bool _ended;
    bool _inFiller;

    /// <param name="reader">The recording, which this stream then owns.</param>
    /// <param name="channel">The one channel to hear, counted from 0; where null what the reader's options say, else the mean of
    /// all.</param>
    public SampleStream(AudioReader reader, int? channel = null)
    {
        ArgumentNullException.ThrowIfNull(reader);
        channel ??= reader.Options.Channel;
        if (channel is { } chosen && (chosen < 0 || chosen >= reader.Channels))
            throw new ArgumentOutOfRangeException(
                nameof(channel), chosen, $"'{reader.Name}' has {reader.Channels} channels, counted from 0.");
        _reader = reader;
        _inFiller = reader.KeepsContainerTimes;
        _mixer = new ChannelMixer(reader, channel);
        _resampler = new Resampler(reader.SampleRate, SampleRate);
        _interleaved = new float[reader.SampleRate / BlocksASecond * reader.Channels];
    }

    /// <summary>The channels that the recording has, of which this stream gives one or the mean.</summary>
    public int Channels => _reader.Channels;

    /// <summary>The number of samples this stream will give, when the recording can tell.</summary>
    public long? TotalSamples => _reader.TotalFrames is { } frames ? _resampler.OutputLength(frames) : null;

    /// <summary>
    /// Of the samples given so far, how many at the start are silence that stands for time before the recording's sound begins, as in a
    /// video whose sound track starts late.
    /// </summary>
    public long FillerSamples { get; private set; }

    /// <summary>The recording's length, when it can tell.</summary>
    public TimeSpan? Duration => _reader.Duration;

    /// <summary>Opens a recording by path, <c>-</c> being standard input.</summary>
    /// <exception cref="AudioFormatException">As <see cref="AudioReader.Open(string, AudioReadOptions)"/>.</exception>
    public static SampleStream Open(string path, int? channel = null) => Open(path, new AudioReadOptions { Channel = channel });

    /// <inheritdoc cref="Open(string, int?)"/>
    public static SampleStream Open(string path, AudioReadOptions options) => Over(AudioReader.Open(path, options));

    /// <summary>Opens a recording from a stream, which is then owned.</summary>
    /// <inheritdoc cref="Open(string, int?)"/>
    public static SampleStream Open(Stream stream, string name, AudioReadOptions? options = null) =>
        Over(AudioReader.Open(stream, name, options));

    /// <summary>Reads until the span is full or the recording ends; returns the number of samples, 0 only at the end.</summary>
    /// <exception cref="AudioFormatException">The recording is damaged from here on.</exception>
    public int Read(Span<float> samples)
    {
        var total = 0;
        while (total < samples.Length)
        {
            var read = _resampler.Read(samples[total..]);
            CountFiller(samples.Slice(total, read));
            total += read;
            if (read > 0) continue;
            if (_ended) break;
            Feed();
        }
        return total;
    }

    public void Dispose() => _reader.Dispose();

    static SampleStream Over(AudioReader reader)
    {
        try
        {
            return new SampleStream(reader);
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    void CountFiller(ReadOnlySpan<float> samples)
    {
        if (!_inFiller || samples.IsEmpty) return;
        int sound = samples.IndexOfAnyExcept(0f);
        FillerSamples += sound < 0 ? samples.Length : sound;
        _inFiller = sound < 0;
    }

    /// <summary>Reads a whole block, since what is mixed may not depend on how the reader cuts; the last is shorter.</summary>
    void Feed()
    {
        var channels = _reader.Channels;
        var filled = 0;
        while (filled < _interleaved.Length && _reader.Read(_interleaved.AsSpan(filled)) is > 0 and var frames) filled += frames * channels;
        if (filled > 0) _resampler.Write(_mixer.Mix(_interleaved.AsSpan(0, filled)));
        if (filled == _interleaved.Length) return;
        _ended = true;
        _resampler.Complete();
    }
}
