using System.IO.Hashing;
using System.Runtime.InteropServices;
using Earshot.Transcription;

namespace Earshot.Cli.Transcripts;

/// <summary>The beginning of a recording: so many samples, and their hash (XXH128, which tells recordings apart, not forgeries).</summary>
internal sealed record SampleCheck(long Count, string Hash);

/// <summary>Samples that are hashed as they are read, so that going on later can make sure that it hears the same recording.</summary>
internal sealed class CheckedSamples(ISampleSource source, SampleCheck? expected) : ISampleSource
{
    readonly XxHash128 _hash = new();
    long _read;
    bool _checked = expected is null;

    public long? TotalSamples => source.TotalSamples;

    public long FillerSamples => source.FillerSamples;

    /// <summary>What was read so far.</summary>
    public SampleCheck Check => new(_read, Convert.ToHexStringLower(_hash.GetCurrentHash()));

    /// <exception cref="IOException">The recording does not begin as the one that was transcribed before.</exception>
    public int Read(Span<float> samples)
    {
        int total = 0;
        while (total < samples.Length)
        {
            var rest = samples[total..];
            // The hash is compared exactly where it was taken.
            if (!_checked) rest = rest[..(int)Math.Min(rest.Length, expected!.Count - _read)];
            int count = source.Read(rest);
            _hash.Append(MemoryMarshal.AsBytes(rest[..count]));
            (_read, total) = (_read + count, total + count);
            if (!_checked && (count == 0 || _read == expected!.Count)) RequireSame();
            if (count == 0) break;
        }
        return total;
    }

    void RequireSame()
    {
        if (Check != expected)
            throw new IOException(
                "is not the recording that was transcribed before: it differs within its first " +
                $"{Units.Time(TimeSpan.FromSeconds(expected!.Count / 16_000.0))}. Leave --resume out to begin anew.");
        _checked = true;
    }
}
