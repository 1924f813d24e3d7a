using Earshot.Checkpoints;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Tests.Decoding;

/// <summary>Writes the logits that follow tokens over a window, whose features tell where it is.</summary>
internal delegate void LanguageModel(float[] window, ReadOnlySpan<int> tokens, Span<float> logits);

/// <summary>
/// A runtime whose "model" is a function of the tokens: deterministic, and as strict about the contract as a real one.
/// Concurrency and calls are counted.
/// </summary>
internal sealed class ScriptedRuntime : WhisperRuntime
{
    readonly LanguageModel _model;
    int _openDecoders, _openWindows;

    public ScriptedRuntime(WhisperTokenizer tokenizer, LanguageModel model, int encoderLayers = 4, int decoderLayers = 4)
    {
        _model = model;
        Config = new WhisperConfig
        {
            DModel = 4,
            EncoderLayers = encoderLayers,
            EncoderAttentionHeads = 1,
            EncoderFfnDim = 4,
            DecoderLayers = decoderLayers,
            DecoderAttentionHeads = 1,
            DecoderFfnDim = 4,
            VocabSize = tokenizer.VocabSize,
            NumMelBins = 1,
        };
        Generation = new GenerationConfig { AlignmentHeads = [new AlignmentHead(0, 0)] };
    }

    public override WhisperConfig Config { get; }

    public override GenerationConfig Generation { get; }

    /// <summary>(tokens, 1, positions) attention for the tokens of a window; null for a plain diagonal.</summary>
    public Func<float[], int[], int, float[]>? Attention { get; init; }

    public int Encodings { get; private set; }

    public int Steps;

    public int MostOpenDecoders { get; private set; }

    public int OpenWindows => _openWindows;

    public int OpenDecoders => _openDecoders;

    public List<int[]> Prompts { get; } = [];

    public override EncodedAudio Encode(ReadOnlySpan<float> features, int frames, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Assert.Equal(frames * Config.NumMelBins, features.Length);
        Assert.Equal(0, frames % 2);
        Interlocked.Increment(ref _openWindows);
        lock (Prompts) Encodings++;
        return new Window(this, features.ToArray());
    }

    public override WhisperDecoder CreateDecoder(EncodedAudio audio, int rows, CancellationToken cancellationToken = default)
    {
        lock (Prompts) MostOpenDecoders = Math.Max(MostOpenDecoders, ++_openDecoders);
        return new Decoder(this, (Window)audio, rows);
    }

    sealed class Window(ScriptedRuntime owner, float[] features) : EncodedAudio
    {
        public float[] Features => features;

        public override int Positions => features.Length / 2;

        protected override void Dispose(bool disposing)
        {
            Interlocked.Decrement(ref owner._openWindows);
            base.Dispose(disposing);
        }
    }

    sealed class Decoder(ScriptedRuntime owner, Window window, int rows) : WhisperDecoder
    {
        readonly List<int>[] _tokens = [.. Enumerable.Range(0, rows).Select(_ => new List<int>())];
        int _length;

        public override int Rows => rows;

        public override int VocabSize => owner.Config.VocabSize;

        public override int Length => _length;

        public override void Start(ReadOnlySpan<int> prompt, ReadOnlySpan<int> positions, Span<float> logits, CancellationToken cancellationToken = default)
        {
            lock (owner.Prompts) owner.Prompts.Add(prompt.ToArray());
            foreach (var row in _tokens)
            {
                row.Clear();
                row.AddRange(prompt);
            }
            _length = prompt.Length;
            Check();
            for (int i = 0; i < positions.Length; i++) Predict(prompt[..(positions[i] + 1)], logits.Slice(i * VocabSize, VocabSize));
        }

        public override void Step(ReadOnlySpan<int> tokens, Span<float> logits, CancellationToken cancellationToken = default)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Interlocked.Increment(ref owner.Steps);
            for (int i = 0; i < tokens.Length; i++)
            {
                _tokens[i].RemoveRange(_length, _tokens[i].Count - _length);
                _tokens[i].Add(tokens[i]);
            }
            _length++;
            Check();
            for (int i = 0; i < tokens.Length; i++) Predict(_tokens[i].ToArray(), logits.Slice(i * VocabSize, VocabSize));
        }

        public override void Extend(ReadOnlySpan<int> tokens, Span<float> logits, CancellationToken cancellationToken = default)
        {
            Interlocked.Increment(ref owner.Steps);
            _tokens[0].RemoveRange(_length, _tokens[0].Count - _length);
            foreach (int token in tokens)
            {
                _tokens[0].Add(token);
                Predict(_tokens[0].ToArray(), logits[..VocabSize]);
                logits = logits[VocabSize..];
            }
            _length += tokens.Length;
            Check();
        }

        public override void Reorder(ReadOnlySpan<int> parents)
        {
            var old = _tokens.Select(row => row.ToArray()).ToArray();
            for (int i = 0; i < parents.Length; i++)
            {
                _tokens[i].Clear();
                _tokens[i].AddRange(old[parents[i]]);
            }
        }

        public override void Truncate(int length)
        {
            Assert.InRange(length, 0, _length);
            _length = length;
        }

        public override float[] Align(ReadOnlySpan<int> tokens, Span<float> logits, CancellationToken cancellationToken = default)
        {
            var given = tokens.ToArray();
            for (int i = 0; i < given.Length; i++) Predict(given.AsSpan(0, i + 1), logits.Slice(i * VocabSize, VocabSize));
            return owner.Attention is { } attention ? attention(window.Features, given, window.Positions) : Diagonal(given.Length);
        }

        protected override void Dispose(bool disposing)
        {
            lock (owner.Prompts) owner._openDecoders--;
            base.Dispose(disposing);
        }

        float[] Diagonal(int tokens)
        {
            var weights = new float[tokens * window.Positions];
            for (int t = 0; t < tokens; t++)
            {
                for (int p = 0; p < window.Positions; p++) weights[(t * window.Positions) + p] = p / 10 == t ? 0.1f : 1e-5f;
            }
            return weights;
        }

        void Predict(ReadOnlySpan<int> tokens, Span<float> logits)
        {
            Assert.Equal(VocabSize, logits.Length);
            owner._model(window.Features, tokens, logits);
        }

        void Check() => Assert.InRange(_length, 1, owner.Config.MaxTargetPositions);
    }
}

/// <summary>Language models for tests.</summary>
internal static class LanguageModels
{
    /// <summary>Logits from a hash of the tokens, in [-scale, scale]: every next token is possible, none is planned.</summary>
    public static LanguageModel Hashed(ulong seed, float scale = 4, int order = 3) => (_, tokens, logits) =>
    {
        ulong hash = seed;
        foreach (int token in tokens[^Math.Min(order, tokens.Length)..]) hash = Mix(hash ^ (ulong)token);
        for (int i = 0; i < logits.Length; i++) logits[i] = scale * ((float)(Mix(hash + (ulong)i) >> 40) / (1 << 23) - 1);
    };

    /// <summary>Writes a script, token by token after the prompt's last special token, with the given certainty.</summary>
    public static LanguageModel Script(WhisperTokenizer tokenizer, Func<float[], IReadOnlyList<int>> script, float certainty = 20) => (window, tokens, logits) =>
    {
        logits.Fill(-certainty / 2);
        var (written, begins) = Written(tokenizer, tokens);
        // Without timestamps the words alone are written.
        var planned = tokens.Contains(tokenizer.NoTimestamps) ? [.. script(window).Where(token => token < tokenizer.TimestampBegin)] : script(window);
        int next = written < planned.Count ? planned[written] : tokenizer.EndOfText;
        logits[next] = certainty;
        if (begins) logits[tokenizer.NoSpeech] = 0;
    };

    /// <summary>How many tokens follow the start of the transcript and its options.</summary>
    public static (int Count, bool Begins) Written(WhisperTokenizer tokenizer, ReadOnlySpan<int> tokens)
    {
        int start = tokens.LastIndexOf(tokenizer.StartOfTranscript) + 1;
        bool begins = start == tokens.Length;
        while (start < tokens.Length && tokens[start] > tokenizer.StartOfTranscript && tokens[start] <= tokenizer.NoTimestamps) start++;
        return (tokens.Length - start, begins);
    }

    static ulong Mix(ulong z)
    {
        z += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
