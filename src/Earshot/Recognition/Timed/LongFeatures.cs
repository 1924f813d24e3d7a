using Earshot.Features;

namespace Earshot.Recognition;

/// <summary>The features of a long stretch of sound, which come piece by piece.</summary>
/// <param name="expected">Frames that will come, as far as is known.</param>
sealed class LongFeatures(FeatureSettings settings, FeatureExtractor extractor, int expected)
{
    float[] _values = new float[(long)expected * settings.InputSize];

    /// <summary>Frames so far.</summary>
    public int Frames { get; private set; }

    /// <summary>Samples so far.</summary>
    public long Samples { get; private set; }

    /// <summary>(frames, inputs).</summary>
    public ReadOnlyMemory<float> Values => _values.AsMemory(0, Frames * settings.InputSize);

    /// <summary>Adds what is heard in a piece; all but the last are whole hops.</summary>
    public void Add(AudioWindow piece)
    {
        var (samples, hop, inputs) = (piece.Samples, settings.HopLength, settings.InputSize);
        int frames = settings.FramesOf(samples.Length), whole = Math.Min(samples.Length, frames * hop);
        Samples += samples.Length;
        if (frames == 0) return;
        int length = (Frames + frames) * inputs;
        if (_values.Length < length) Array.Resize(ref _values, (int)Math.Min(Array.MaxLength, Math.Max(length, _values.Length * 3L / 2)));
        // What is left of a last hop lies behind the frames.
        var after = whole < samples.Length ? samples[whole..] : piece.After;
        extractor.ComputePiece(
            samples.Span[..whole], _values.AsSpan(Frames * inputs, frames * inputs), frames, piece.Before.Span, after.Span);
        Frames += frames;
    }

    /// <summary>All was added, at least so many frames: silence follows a recording that is too short.</summary>
    public void Finish(int least)
    {
        if (Frames < least)
        {
            int inputs = settings.InputSize, missing = least - Frames;
            Array.Resize(ref _values, least * inputs);
            extractor.ComputePiece([], _values.AsSpan(Frames * inputs, missing * inputs), missing, [], []);
            Frames = least;
        }
        extractor.FinishPieces(_values.AsSpan(0, Frames * settings.InputSize), Frames);
    }

    /// <summary>Forgets them: those of an hour are large.</summary>
    public void Clear() => (_values, Frames) = ([], 0);
}
