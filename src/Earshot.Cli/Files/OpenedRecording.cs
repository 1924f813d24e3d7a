using Earshot.Audio;
using Earshot.Transcription;

namespace Earshot.Cli.Files;

/// <summary>A recording as it is transcribed: one track, or one a channel.</summary>
internal sealed class OpenedRecording : IDisposable
{
    readonly IDisposable _owner;

    OpenedRecording(IDisposable owner, IReadOnlyList<(int? Channel, SampleStream Samples)> tracks) => (_owner, Tracks) = (owner, tracks);

    public IReadOnlyList<(int? Channel, SampleStream Samples)> Tracks { get; }

    public TimeSpan? Duration => Tracks[0].Samples.Duration;

    public long? TotalSamples => Tracks[0].Samples.TotalSamples;

    /// <exception cref="AudioFormatException">It cannot be opened, is no recording, or has no such channel.</exception>
    public static OpenedRecording Open(InputFile file, Terminal terminal, TranscriptionOptions options)
    {
        if (!options.EachChannel)
        {
            var samples = file.Open(terminal, options.Audio);
            return new OpenedRecording(samples, [(null, samples)]);
        }
        var recording = file.IsStandardInput
            ? SpooledRecording.OpenChannels(terminal.OpenInput(), file.Label, options.Audio)
            : ChannelRecording.Open(audio => AudioReader.Open(file.Path, audio), options.Audio);
        if (recording.Channels.Count < recording.Count && recording.Count > 1)
            terminal.Say(
                $"{file.Label}: of {recording.Count} channels, {recording.Count - recording.Channels.Count} sound as another; " +
                "each is transcribed once.");
        return new OpenedRecording(recording, [.. recording.Channels.Select((number, i) => ((int?)number, recording.Streams[i]))]);
    }

    public void Dispose() => _owner.Dispose();
}
