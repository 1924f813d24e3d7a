using Earshot.Audio;

namespace Earshot.Cli.Benchmarks.Peers;

/// <summary>What all engines hear: samples for ours, the same as a file for programs, which goes when this is disposed of.</summary>
internal sealed class PeerSound : IDisposable
{
    const int SyntheticSeconds = 30, MostSeconds = 3600;

    readonly DirectoryInfo _folder;

    PeerSound(float[] samples, bool isSynthetic, int threads)
    {
        (Samples, IsSynthetic, Threads) = (samples, isSynthetic, threads);
        _folder = Directory.CreateTempSubdirectory("earshot-peers-");
        WavFile = Path.Combine(_folder.FullName, "sound.wav");
        try
        {
            using var wav = WavWriter.Create(WavFile, SampleStream.SampleRate);
            wav.Write(samples);
            wav.Complete();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>One channel at 16 kHz.</summary>
    public float[] Samples { get; }

    /// <summary>The same, in 16 bits.</summary>
    public string WavFile { get; }

    /// <summary>Whether it is noise that nobody could write down.</summary>
    public bool IsSynthetic { get; }

    public int Threads { get; }

    /// <summary>The language's code that all are told.</summary>
    public string Language { get; set; } = "en";

    public double Seconds => (double)Samples.Length / SampleStream.SampleRate;

    /// <summary>A folder for what else programs need, which goes with it.</summary>
    public string Folder => _folder.FullName;

    /// <exception cref="UsageException">The recording is longer than an hour, or empty.</exception>
    public static PeerSound Read(string? path, int threads)
    {
        if (path is null) return new PeerSound(Synthetic(), isSynthetic: true, threads);
        if (!File.Exists(path)) throw new UsageException($"'{path}': no such file. Check the path.");
        using var stream = SampleStream.Open(path);
        var samples = new List<float>();
        var buffer = new float[SampleStream.SampleRate];
        int count;
        while ((count = stream.Read(buffer)) > 0)
        {
            samples.AddRange(buffer.AsSpan(0, count));
            if (samples.Count > MostSeconds * SampleStream.SampleRate)
                throw new UsageException($"'{path}' is longer than an hour, and is heard many times here; give a shorter recording.");
        }
        return samples.Count > 0
            ? new PeerSound([.. samples], isSynthetic: false, threads)
            : throw new UsageException($"'{path}' is empty.");
    }

    public void Dispose() => _folder.Delete(recursive: true);

    // As the benchmark's own input.
    static float[] Synthetic()
    {
        var random = new Random(1);
        var samples = new float[SyntheticSeconds * SampleStream.SampleRate];
        for (int i = 0; i < samples.Length; i++) samples[i] = 0.1f * MathF.Sin(i * 0.05f) * (random.NextSingle() - 0.5f);
        return samples;
    }
}
