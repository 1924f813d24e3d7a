using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

/// <summary>
/// The rules of Silero's <c>get_speech_timestamps</c> over all probabilities at once: first the stretches, then their padding.
/// </summary>
internal static class WholeRecordingSegmenter
{
    const int Window = 512;

    public static List<SpeechSpan> Run(float[] probabilities, VadOptions options, long total)
    {
        long pad = Samples(options.SpeechPad), minSpeech = Samples(options.MinSpeechDuration),
            minSilence = Samples(options.MinSilenceDuration);
        double limit = options.MaxSpeechDuration is { } most ? Samples(most) - Window - (2 * pad) : double.MaxValue;
        var spans = new List<SpeechSpan>();
        var pauses = new List<(long Start, long Length)>();
        bool triggered = false;
        long start = 0, temporaryEnd = 0, previousEnd = 0, nextStart = 0;
        for (int i = 0; i < probabilities.Length; i++)
        {
            long now = (long)i * Window;
            float p = probabilities[i];
            if (p >= options.Threshold && temporaryEnd != 0)
            {
                if (now - temporaryEnd > 1568) pauses.Add((temporaryEnd, now - temporaryEnd));
                temporaryEnd = 0;
                if (nextStart < previousEnd) nextStart = now;
            }
            if (p >= options.Threshold && !triggered)
            {
                (triggered, start) = (true, now);
                continue;
            }
            if (triggered && now - start > limit)
            {
                if (options.CutAtLongestSilence && pauses.Count > 0)
                {
                    var longest = pauses.MaxBy(pause => pause.Length);
                    spans.Add(new(start, longest.Start));
                    start = longest.Start + longest.Length;
                }
                else if (!options.CutAtLongestSilence && previousEnd != 0)
                {
                    spans.Add(new(start, previousEnd));
                    if (nextStart < previousEnd) triggered = false;
                    else start = nextStart;
                }
                else
                {
                    spans.Add(new(start, now));
                    triggered = false;
                    previousEnd = nextStart = temporaryEnd = 0;
                    pauses.Clear();
                    continue;
                }
                previousEnd = nextStart = temporaryEnd = 0;
                pauses.Clear();
            }
            if (p < options.Threshold - 0.15f && triggered)
            {
                if (temporaryEnd == 0) temporaryEnd = now;
                if (now - temporaryEnd > 1568) previousEnd = temporaryEnd;
                if (now - temporaryEnd < minSilence) continue;
                if (temporaryEnd - start > minSpeech) spans.Add(new(start, temporaryEnd));
                previousEnd = nextStart = temporaryEnd = 0;
                pauses.Clear();
                triggered = false;
            }
        }
        if (triggered && total - start > minSpeech) spans.Add(new(start, total));
        return Pad(spans, pad, total);
    }

    static List<SpeechSpan> Pad(List<SpeechSpan> spans, long pad, long total)
    {
        for (int i = 0; i < spans.Count; i++)
        {
            if (i == 0) spans[i] = spans[i] with { Start = Math.Max(0, spans[i].Start - pad) };
            if (i == spans.Count - 1)
            {
                spans[i] = spans[i] with { End = Math.Min(total, spans[i].End + pad) };
                continue;
            }
            long silence = spans[i + 1].Start - spans[i].End;
            long share = silence < 2 * pad ? silence / 2 : pad;
            spans[i] = spans[i] with { End = Math.Min(total, spans[i].End + share) };
            spans[i + 1] = spans[i + 1] with { Start = Math.Max(0, spans[i + 1].Start - share) };
        }
        return spans;
    }

    static long Samples(TimeSpan time) => (long)(time.TotalSeconds * 16_000);
}
