using Earshot.Features;

namespace Earshot.Recognition;

/// <summary>One recording's windows through the encoder, each with what lies around it.</summary>
sealed class TimedHearing(TimedRecognizer recognizer, FeatureExtractor extractor)
{
    float[] _samples = [];
    float[] _features = [];

    /// <summary>Encodes a window.</summary>
    public async ValueTask<HeardWindow> HearAsync(AudioWindow window, CancellationToken cancellationToken)
    {
        int samplesPerPosition = recognizer.SamplesPerPosition;
        // Positions of the window and of what is heard before it are the same.
        int before = window.Before.Length / samplesPerPosition;
        int frames = Extract(window, before * samplesPerPosition);
        var audio = await recognizer.Encoder
            .EncodeAsync(_features.AsMemory(0, frames * recognizer.Encoder.Shape.InputSize), frames, cancellationToken)
            .ConfigureAwait(false);
        // Only a window that could be longer may leave something to the next one.
        bool isEnd = window.StandsAlone || window.IsLast || window.Samples.Length < recognizer.WindowSamples;
        int positions = Math.Clamp(
            (window.Samples.Length + (isEnd ? samplesPerPosition - 1 : 0)) / samplesPerPosition, 0, Math.Max(0, audio.Positions - before));
        return new HeardWindow(audio, before, positions, isEnd) { Frames = window.Frames };
    }

    /// <summary>Encodes a long stretch as a whole.</summary>
    public async ValueTask<HeardWindow> HearAsync(LongWindow window, CancellationToken cancellationToken)
    {
        int samplesPerPosition = recognizer.SamplesPerPosition, before = window.Before / samplesPerPosition;
        var features = new LongFeatures(recognizer.Features, extractor, recognizer.FramesOf(window.Expected));
        foreach (var piece in window.Pieces)
        {
            cancellationToken.ThrowIfCancellationRequested();
            features.Add(piece);
        }
        features.Finish(recognizer.Encoder.Shape.LeastFrames);
        int count = (int)Math.Min(features.Samples - window.Before, window.Most);
        var audio = await recognizer.Encoder.EncodeAsync(features.Values, features.Frames, cancellationToken).ConfigureAwait(false);
        features.Clear();
        bool isEnd = window.IsLast();
        int positions = Math.Clamp(
            (count + (isEnd ? samplesPerPosition - 1 : 0)) / samplesPerPosition, 0, Math.Max(0, audio.Positions - before));
        return new HeardWindow(audio, before, positions, isEnd) { Frames = count / AudioWindow.SamplesPerFrame };
    }

    /// <summary>The window with what lies around it as one stretch of sound; returns its frames.</summary>
    int Extract(AudioWindow window, int before)
    {
        var shape = recognizer.Encoder.Shape;
        int hop = recognizer.SamplesPerFeature, most = shape.MostFrames / shape.FrameMultiple * shape.FrameMultiple;
        int after = Math.Clamp((most * hop) - before - window.Samples.Length, 0, Math.Min(window.After.Length, recognizer.SamplesAfter));
        int count = before + window.Samples.Length + after;
        int frames = Math.Max(shape.LeastFrames, recognizer.FramesOf(count));
        frames = (frames + shape.FrameMultiple - 1) / shape.FrameMultiple * shape.FrameMultiple;
        if (_samples.Length < count) _samples = new float[count];
        if (_features.Length < frames * shape.InputSize) _features = new float[frames * shape.InputSize];
        window.Before[^before..].CopyTo(_samples);
        window.Samples.CopyTo(_samples.AsMemory(before));
        window.After[..after].CopyTo(_samples.AsMemory(before + window.Samples.Length));
        // What is left of a hop lies behind the frames.
        int whole = Math.Min(count, frames * hop);
        extractor.Compute(
            _samples.AsSpan(0, whole), _features.AsSpan(0, frames * shape.InputSize), frames, after: _samples.AsSpan(whole, count - whole));
        return frames;
    }
}
