namespace Earshot.Audio;

/// <summary>Every channel of a recording by itself at 16 kHz, in memory.</summary>
internal static class ChannelSamples
{
    const int FramesAtOnce = 4096;

    public static float[][] ReadAll(AudioReader reader)
    {
        var channels = reader.Channels;
        var tracks = Enumerable.Range(0, channels).Select(_ => new Track(reader)).ToArray();
        var interleaved = new float[FramesAtOnce * channels];
        var one = new float[FramesAtOnce];
        while (reader.Read(interleaved) is > 0 and var frames)
        {
            for (var channel = 0; channel < channels; channel++)
            {
                for (var i = 0; i < frames; i++)
                {
                    var sample = interleaved[(i * channels) + channel];
                    one[i] = float.IsFinite(sample) ? sample : 0;
                }
                tracks[channel].Write(one.AsSpan(0, frames));
            }
        }
        return [.. tracks.Select(track => track.Complete())];
    }

    sealed class Track(AudioReader reader)
    {
        readonly Resampler _resampler = new(reader.SampleRate, SampleStream.SampleRate);
        float[] _samples = new float[SampleStream.SampleRate];
        int _length;

        public void Write(ReadOnlySpan<float> samples)
        {
            _resampler.Write(samples);
            Take();
        }

        public float[] Complete()
        {
            _resampler.Complete();
            Take();
            return _samples[.._length];
        }

        void Take()
        {
            while (_resampler.Read(_samples.AsSpan(_length)) is > 0 and var read)
            {
                _length += read;
                if (_length == _samples.Length) _samples = AudioFile.Grow(_samples, reader.Name);
            }
        }
    }
}
