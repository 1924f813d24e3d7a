using System.Runtime.CompilerServices;
using Earshot.Features;
using Earshot.Recognition;
using Earshot.Tests.Decoding;
using Earshot.Tokenizers;
using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

/// <summary>Words said one after the other, half a second each, from a start in seconds.</summary>
internal sealed record Utterance(double Start, int[] Words)
{
    public const double WordLength = 0.5;

    public double End => Start + (Words.Length * WordLength);
}

/// <summary>
/// A recording whose every sample tells where it is, and a model that hears which words lie in its window and writes them
/// as Whisper would: finished utterances between timestamps, an unfinished one without its end.
/// </summary>
internal sealed class ScriptedRecording : ISampleSource
{
    const int SamplesPerFrame = 160;

    // A power of two: products are exact.
    const float Unit = 1f / (1 << 20);

    readonly WhisperTokenizer _tokenizer;
    readonly IReadOnlyList<Utterance> _utterances;
    readonly ConditionalWeakTable<float[], int[]> _heard = [];
    readonly long _samples;
    long _position;

    public ScriptedRecording(WhisperTokenizer tokenizer, double seconds, params IReadOnlyList<Utterance> utterances)
    {
        _tokenizer = tokenizer;
        _utterances = utterances;
        _samples = (long)(seconds * 16_000);
    }

    public bool TellsLength { get; init; } = true;

    /// <summary>How long only silence stands for time, at the start, in seconds.</summary>
    public int FillerSeconds { get; init; }

    public long FillerSamples => Math.Min(_position, FillerSeconds * 16_000L);

    public long? TotalSamples => TellsLength ? _samples : null;

    public long SamplesRead => _position;

    /// <summary>All that is said, in order, as text.</summary>
    public string Text => string.Concat(_utterances.SelectMany(u => u.Words).Select(SmallTokenizer.TextOf));

    public int Read(Span<float> samples)
    {
        int count = (int)Math.Min(samples.Length, _samples - _position);
        for (int i = 0; i < count; i++) samples[i] = 1 + ((_position + i) / SamplesPerFrame);
        _position += count;
        return count;
    }

    /// <summary>
    /// Each frame's feature is its place in the recording, counted from 1, in units small enough for the range of real features;
    /// 0 where there is no audio.
    /// </summary>
    sealed class PlaceExtractor : FeatureExtractor
    {
        public override void Compute(
            ReadOnlySpan<float> samples, Span<float> frames, int frameCount, ReadOnlySpan<float> before = default,
            ReadOnlySpan<float> after = default)
        {
            frames.Clear();
            for (int f = 0; f < frameCount && f * SamplesPerFrame < samples.Length; f++) frames[f] = samples[f * SamplesPerFrame] * Unit;
        }
    }

    /// <summary>Which of the recording's frames, counted from 1, a frame of a window is; 0 where there is no audio.</summary>
    public static float Frame(float[] window, int frame) => window[frame] / Unit;

    public static RecordingTranscriber Transcriber(ScriptedRuntime runtime, Func<ISpeechDetector>? detector = null) =>
        new(Recognizer(runtime), detector);

    public static WhisperRecognizer Recognizer(ScriptedRuntime runtime) => new(runtime.Model, runtime, null, () => new PlaceExtractor());

    public ScriptedRuntime Runtime(LanguageModel? model = null) =>
        new(_tokenizer, model ?? LanguageModels.Script(_tokenizer, Heard)) { Attention = Attention };

    /// <summary>A model that writes what it hears; where it hears nothing it says so.</summary>
    public LanguageModel Model()
    {
        var script = LanguageModels.Script(_tokenizer, Heard);
        return (window, tokens, logits) =>
        {
            if (Heard(window).Length > 0)
            {
                script(window, tokens, logits);
                return;
            }
            // Silence: made-up text that the model does not believe in itself.
            logits.Clear();
            if (tokens[^1] == _tokenizer.StartOfTranscript) logits[_tokenizer.NoSpeech] = 15;
        };
    }

    /// <summary>What the model writes for a window.</summary>
    public int[] Heard(float[] window) => _heard.GetValue(window, Listen);

    int[] Listen(float[] window)
    {
        var (start, end) = Place(window);
        var tokens = new List<int>();
        foreach (var utterance in _utterances)
        {
            int[] words = [.. WordsOf(utterance, start, end).Select(word => SmallTokenizer.Word(word.Index))];
            if (words.Length == 0) continue;
            bool cut = utterance.End > end + 1e-6, alone = tokens.Count == 0;
            tokens.Add(Timestamp(Math.Max(utterance.Start, start) - start));
            tokens.AddRange(words);
            // Cut off after others, it is left unfinished. Alone, it ends with its last whole word; if the window does not
            // end there too, what comes next begins there.
            if (cut && !alone) break;
            double last = Math.Max(utterance.Start, start) + (words.Length * Utterance.WordLength);
            tokens.Add(Timestamp(Math.Min(cut ? last : utterance.End, end) - start));
            if (cut && last < end - 0.05) tokens.Add(tokens[^1]);
        }
        return [.. tokens];
    }

    List<(int Index, double Start)> WordsIn(float[] window)
    {
        var (start, end) = Place(window);
        return [.. _utterances.SelectMany(u => WordsOf(u, start, end))];
    }

    static IEnumerable<(int Index, double Start)> WordsOf(Utterance utterance, double start, double end) => utterance.Words
        .Select((word, i) => (word, utterance.Start + (i * Utterance.WordLength)))
        .Where(word => word.Item2 >= start - 0.1 && word.Item2 + Utterance.WordLength <= end + 1e-6);

    static (double Start, double End) Place(float[] window)
    {
        int frames = window.AsSpan().IndexOf(0f);
        double start = (Frame(window, 0) - 1) / 100;
        return (start, start + ((frames < 0 ? window.Length : frames) / 100.0));
    }

    int Timestamp(double seconds) => _tokenizer.TimestampBegin + (int)Math.Round(seconds / 0.02);

    /// <summary>Each token looks at its word while the token before it is read.</summary>
    float[] Attention(float[] window, int[] tokens, int positions)
    {
        var words = WordsIn(window);
        var (start, _) = Place(window);
        int prompt = Array.IndexOf(tokens, _tokenizer.NoTimestamps);
        int text = tokens.Length - prompt - 2;
        var weights = new float[tokens.Length * positions];
        for (int t = 0; t < tokens.Length; t++)
        {
            int word = t - prompt;
            double from = word < 0 ? 0 : word < text ? words[word].Start - start : words[text - 1].Start + Utterance.WordLength - start;
            for (int p = 0; p < positions; p++)
            {
                // Less and less with the distance, so that the nearest token stands out in every frame.
                double distance = Math.Abs((p * 0.02) + 0.01 - from - (Utterance.WordLength / 2));
                weights[(t * positions) + p] = (float)(1 / (1 + (64 * distance * distance)));
            }
        }
        return weights;
    }
}
