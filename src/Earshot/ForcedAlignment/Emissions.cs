using Earshot.Audio;
using Earshot.Decoding;
using Earshot.Recognition;
using Earshot.Transcription;

namespace Earshot.ForcedAlignment;

/// <summary>What a CTC model hears in a whole recording: log-probabilities of each position, (positions, vocabulary).</summary>
sealed class Emissions
{
    readonly List<float[]> _pieces = [];

    Emissions(int vocabSize) => VocabSize = vocabSize;

    public int VocabSize { get; }

    public int Positions { get; private set; }

    public TimeSpan Duration { get; private set; }

    public float[] Logprobs { get; private set; } = [];

    /// <summary>Hears a recording, as a whole or in windows, as the model can.</summary>
    public static async Task<Emissions> OfAsync(
        CtcRecognizer recognizer, ISampleSource source, IProgress<TimeSpan>? progress, CancellationToken cancellationToken)
    {
        var emissions = new Emissions(recognizer.Encoder.ValueWidth);
        int longest = recognizer.LongSamples(new RecognitionOptions()), before = recognizer.SamplesBefore;
        var samples = new SampleWindow(
            source, recognizer.WindowSamples, longest > 0 ? (2 * before) + recognizer.WindowSamples : before, recognizer.SamplesAfter);
        var hearing = new TimedHearing(recognizer, recognizer.Features.CreateExtractor());
        var run = (recognizer, samples, hearing);
        await (longest > 0
            ? emissions.HearLongAsync(run, longest, progress, cancellationToken)
            : emissions.HearWindowsAsync(run, progress, cancellationToken)).ConfigureAwait(false);
        emissions.Duration = Time(samples.End ?? samples.Read);
        emissions.Join();
        return emissions;
    }

    async Task HearLongAsync(
        (CtcRecognizer Recognizer, SampleWindow Samples, TimedHearing Hearing) run, int step, IProgress<TimeSpan>? progress,
        CancellationToken cancellationToken)
    {
        var (recognizer, samples, hearing) = run;
        for (long start = 0; start == 0 || start < (samples.End ?? long.MaxValue); start += step)
        {
            int before = (int)Math.Min(start, recognizer.SamplesBefore);
            long end = start + step, behind = end + recognizer.SamplesAfter;
            var window = new LongWindow
            {
                Pieces = samples.Pieces(start - before, behind),
                Before = before,
                Most = step,
                Expected = (int)(Math.Min(behind, Math.Max(start, samples.Total ?? start)) - start + before),
                IsLast = () => end >= samples.End,
            };
            var heard = await hearing.HearAsync(window, cancellationToken).ConfigureAwait(false);
            using (heard.Audio) Add(heard, heard.IsEnd ? heard.Positions : step / recognizer.SamplesPerPosition, recognizer);
            progress?.Report(Time(Math.Min(end, samples.End ?? end)));
        }
    }

    async Task HearWindowsAsync(
        (CtcRecognizer Recognizer, SampleWindow Samples, TimedHearing Hearing) run, IProgress<TimeSpan>? progress,
        CancellationToken cancellationToken)
    {
        var (recognizer, samples, hearing) = run;
        int step = recognizer.WindowSamples;
        samples.MoveTo(0);
        // All at once, where that is possible.
        bool isShort = samples.End is not null;
        for (long start = 0; start == 0 || start < (samples.End ?? long.MaxValue); start += step)
        {
            samples.MoveTo(start);
            if (samples.End <= start) break;
            long end = isShort ? samples.End!.Value : Math.Min(start + step, samples.End ?? long.MaxValue);
            var window = new AudioWindow
            {
                Samples = samples.Slice(start, (int)(end - start)),
                Before = samples.Slice(start - Math.Min(start, recognizer.SamplesBefore), (int)Math.Min(start, recognizer.SamplesBefore)),
                After = samples.Slice(end, recognizer.SamplesAfter),
                IsLast = end == samples.End,
            };
            var heard = await hearing.HearAsync(window, cancellationToken).ConfigureAwait(false);
            using (heard.Audio) Add(heard, window.IsLast ? heard.Positions : step / recognizer.SamplesPerPosition, recognizer);
            progress?.Report(Time(end));
            if (window.IsLast) break;
        }
    }

    // What is missing at a window's end, where the recording ends too soon for one more position, says nothing.
    void Add(in HeardWindow heard, int positions, CtcRecognizer recognizer)
    {
        var piece = new float[positions * VocabSize];
        var values = heard.Audio.Values.Span;
        for (int p = 0; p < positions; p++)
        {
            var row = piece.AsSpan(p * VocabSize, VocabSize);
            if (p >= heard.Positions)
            {
                row.Fill(-20);
                row[recognizer.Head.Blank] = 0;
                continue;
            }
            var logits = values.Slice((heard.First + p) * VocabSize, VocabSize);
            float total = Logits.LogSumExp(logits, logits[Logits.ArgMax(logits)]);
            for (int v = 0; v < row.Length; v++) row[v] = logits[v] - total;
        }
        _pieces.Add(piece);
        Positions += positions;
    }

    void Join()
    {
        if (_pieces is [var only])
        {
            Logprobs = only;
            _pieces.Clear();
            return;
        }
        Logprobs = new float[checked(Positions * VocabSize)];
        int at = 0;
        foreach (var piece in _pieces)
        {
            piece.CopyTo(Logprobs, at);
            at += piece.Length;
        }
        _pieces.Clear();
    }

    static TimeSpan Time(long samples) => TimeSpan.FromSeconds((double)samples / SampleStream.SampleRate);
}
