using Earshot.Audio;

namespace Earshot.Cli.Listening;

/// <summary>
/// The sound that was listened to, written as it comes: a WAV or FLAC file that can be read up to wherever the program was stopped, and
/// tells its length once it was completed.
/// </summary>
internal sealed class SoundFile : IDisposable
{
    readonly FileStream _stream;
    readonly WavWriter? _wav;
    readonly FlacWriter? _flac;

    /// <exception cref="UsageException">The name ends in neither .wav nor .flac.</exception>
    /// <exception cref="IOException">It cannot be written, or is there already.</exception>
    public SoundFile(string path, int sampleRate, bool overwrite)
    {
        bool flac = path.EndsWith(".flac", StringComparison.OrdinalIgnoreCase);
        if (!flac && !path.EndsWith(".wav", StringComparison.OrdinalIgnoreCase))
            throw new UsageException($"--save is '{path}'; expected a name that ends in .wav or .flac.");
        if (!overwrite && File.Exists(path)) throw new IOException($"'{path}' is there already; --overwrite replaces it.");
        _stream = new FileStream(path, FileMode.Create, FileAccess.ReadWrite, FileShare.Read);
        if (flac) _flac = new FlacWriter(_stream, sampleRate);
        else _wav = new WavWriter(_stream, sampleRate);
    }

    public void Write(ReadOnlySpan<float> samples)
    {
        _wav?.Write(samples);
        _flac?.Write(samples);
        _stream.Flush();
    }

    public void Dispose()
    {
        _wav?.Complete();
        _flac?.Complete();
        _wav?.Dispose();
        _stream.Dispose();
    }
}
