using Earshot.Audio;

namespace Earshot.Transcription;

/// <summary>
/// A recording's channels, each as samples of its own to read. Every channel decodes the recording anew, so that none has to wait for
/// another.
/// </summary>
public sealed class ChannelRecording : IDisposable
{
    // Noise of lossy codecs is quieter, a voice louder, even one that is heard through the other's microphone.
    const float SameWithin = 1f / 1024;
    const int FramesAtOnce = 4096;

    readonly List<SampleStream> _streams;

    ChannelRecording(List<SampleStream> streams, IReadOnlyList<int> channels, int count) =>
        (_streams, Channels, Count) = (streams, channels, count);

    /// <summary>The channels, counted from 0, without those that sound as an earlier one.</summary>
    public IReadOnlyList<int> Channels { get; }

    /// <summary>How many channels the recording has.</summary>
    public int Count { get; }

    /// <summary>The samples of each of <see cref="Channels"/>.</summary>
    public IReadOnlyList<SampleStream> Streams => _streams;

    /// <summary>Opens a recording's channels.</summary>
    /// <param name="open">Opens the recording from its beginning; called once a channel and once more.</param>
    /// <param name="options">How it is read; faults are told of once.</param>
    /// <exception cref="AudioFormatException">It is no recording, or a damaged one that the options ask to refuse.</exception>
    public static ChannelRecording Open(Func<AudioReadOptions, AudioReader> open, AudioReadOptions options)
    {
        ArgumentNullException.ThrowIfNull(open);
        ArgumentNullException.ThrowIfNull(options);
        var quiet = options with { OnWarning = null, Channel = null };
        var (channels, count) = Distinct(() => open(quiet));
        var streams = new List<SampleStream>();
        try
        {
            foreach (int channel in channels)
                streams.Add(OpenOne(open(channel == 0 ? quiet with { OnWarning = options.OnWarning } : quiet), channel));
            return new ChannelRecording(streams, channels, count);
        }
        catch
        {
            foreach (var stream in streams) stream.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var stream in _streams) stream.Dispose();
    }

    /// <summary>
    /// The first of each kind of channel. Recorders write one microphone to both channels: it would say everything twice.
    /// </summary>
    static (List<int> Channels, int Count) Distinct(Func<AudioReader> open)
    {
        using var reader = open();
        int count = reader.Channels, frames;
        var alike = (from later in Enumerable.Range(0, count)
                     from earlier in Enumerable.Range(
            0, later)
                     select (Earlier: earlier, Later: later)).ToList();
        var buffer = new float[FramesAtOnce * count];
        while (alike.Count > 0 && (frames = reader.Read(buffer)) > 0)
            alike.RemoveAll(pair => Differ(buffer.AsSpan(0, frames * count), count, pair.Earlier, pair.Later));
        return ([.. Enumerable.Range(0, count).Where(channel => alike.TrueForAll(pair => pair.Later != channel))], count);
    }

    static SampleStream OpenOne(AudioReader reader, int channel)
    {
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

    static bool Differ(ReadOnlySpan<float> interleaved, int count, int a, int b)
    {
        for (int i = 0; i < interleaved.Length; i += count)
        {
            if (!(Math.Abs(interleaved[i + a] - interleaved[i + b]) <= SameWithin)) return true;
        }
        return false;
    }
}
