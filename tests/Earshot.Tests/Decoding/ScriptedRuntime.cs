using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Tests.Decoding;

/// <summary>Writes the logits that follow tokens over a window, whose features tell where it is.</summary>
internal delegate void LanguageModel(float[] window, ReadOnlySpan<int> tokens, Span<float> logits);

/// <summary>
/// A runtime whose "model" is a function of the tokens: deterministic, and as strict about the contract as a real one.
/// Concurrency and calls are counted.
/// </summary>
internal sealed class ScriptedRuntime : ModelRuntime
{
    readonly LanguageModel _model;
    int _openDecoders, _openWindows;

    public ScriptedRuntime(WhisperTokenizer tokenizer, LanguageModel model, int encoderLayers = 4, int decoderLayers = 4)
        : this(tokenizer, model, Describe(tokenizer, encoderLayers, decoderLayers)) { }

    ScriptedRuntime(WhisperTokenizer tokenizer, LanguageModel model, SpeechModel speech) : base(speech.Parts)
    {
        (_model, Model) = (model, speech with { Tokenizer = tokenizer });
        Encoder = new ScriptedEncoder(this);
        Decoder = new ScriptedDecoder(this);
    }

    public SpeechModel Model { get; }

    public WhisperGenerationConfig Generation => ((WhisperPrompt)Model.Prompt!).Generation;

    public override EncoderRuntime Encoder { get; }

    public override DecoderRuntime Decoder { get; }

    /// <summary>(tokens, 1, positions) attention for the tokens of a window; null for a plain diagonal.</summary>
    public Func<float[], int[], int, float[]>? Attention { get; init; }

    public int Encodings { get; private set; }

    public int Steps;

    public int MostOpenDecoders { get; private set; }

    public int OpenWindows => _openWindows;

    public int OpenDecoders => _openDecoders;

    public List<int[]> Prompts { get; } = [];

    static SpeechModel Describe(WhisperTokenizer tokenizer, int encoderLayers, int decoderLayers)
    {
        var config = new WhisperConfig
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
        return WhisperFamily.Describe(config, new WhisperGenerationConfig { AlignmentHeads = [new AlignmentHead(0, 0)] }, "scripted");
    }

    sealed class ScriptedEncoder(ScriptedRuntime owner) : EncoderRuntime(owner.Parts)
    {
        protected override ValueTask<EncodedAudio> RunAsync(ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Interlocked.Increment(ref owner._openWindows);
            lock (owner.Prompts) owner.Encodings++;
            return new(new Window(owner, features.ToArray()));
        }

        protected override ValueTask<float[]> RunToArrayAsync(
            ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken) => new(features.ToArray());
    }

    sealed class ScriptedDecoder(ScriptedRuntime owner) : DecoderRuntime(owner.Parts.Decoder!)
    {
        protected override ValueTask<Generation> StartAsync(
            EncodedAudio? memory, int rows, LowRankAdapter? adapter, CancellationToken cancellationToken)
        {
            lock (owner.Prompts) owner.MostOpenDecoders = Math.Max(owner.MostOpenDecoders, ++owner._openDecoders);
            return new(new ScriptedGeneration(owner, (Window)memory!, rows));
        }
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

    sealed class ScriptedGeneration(ScriptedRuntime owner, Window window, int rows) : Generation(owner.Decoder.Shape, rows)
    {
        readonly List<int>[] _tokens = [.. Enumerable.Range(0, rows).Select(_ => new List<int>())];

        public override void Reorder(ReadOnlySpan<int> parents)
        {
            var old = _tokens.Select(row => row.ToArray()).ToArray();
            for (int i = 0; i < parents.Length; i++)
            {
                _tokens[i].Clear();
                _tokens[i].AddRange(old[parents[i]]);
            }
        }

        protected override ValueTask RunPromptAsync(
            IReadOnlyList<PromptPart> prompt, ReadOnlyMemory<int> wanted, Memory<float> logits, CancellationToken cancellationToken)
        {
            int[] tokens = [.. prompt.SelectMany(part => part.Tokens.ToArray())];
            lock (owner.Prompts) owner.Prompts.Add(tokens);
            foreach (var row in _tokens)
            {
                row.Clear();
                row.AddRange(tokens);
            }
            for (int i = 0; i < wanted.Length; i++)
                Predict(tokens.AsSpan(0, wanted.Span[i] + 1), logits.Span.Slice(i * VocabSize, VocabSize));
            return default;
        }

        protected override ValueTask RunStepAsync(ReadOnlyMemory<int> tokens, Memory<float> logits, CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Interlocked.Increment(ref owner.Steps);
            for (int i = 0; i < tokens.Length; i++)
            {
                CutTo(_tokens[i], Length - 1);
                _tokens[i].Add(tokens.Span[i]);
            }
            for (int i = 0; i < tokens.Length; i++) Predict(_tokens[i].ToArray(), logits.Span.Slice(i * VocabSize, VocabSize));
            return default;
        }

        protected override ValueTask RunExtensionAsync(
            ReadOnlyMemory<int> tokens, int first, Memory<float> logits, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref owner.Steps);
            CutTo(_tokens[0], first);
            for (int i = 0; i < tokens.Length; i++)
            {
                _tokens[0].Add(tokens.Span[i]);
                Predict(_tokens[0].ToArray(), logits.Span.Slice(i * VocabSize, VocabSize));
            }
            return default;
        }

        protected override ValueTask<float[]> RunAlignmentAsync(
            ReadOnlyMemory<int> tokens, Memory<float> logits, CancellationToken cancellationToken)
        {
            var given = tokens.ToArray();
            for (int i = 0; i < given.Length; i++) Predict(given.AsSpan(0, i + 1), logits.Span.Slice(i * VocabSize, VocabSize));
            return new(owner.Attention is { } attention ? attention(window.Features, given, window.Positions) : Diagonal(given.Length));
        }

        protected override void Dispose(bool disposing)
        {
            lock (owner.Prompts) owner._openDecoders--;
            base.Dispose(disposing);
        }

        static void CutTo(List<int> tokens, int length) => tokens.RemoveRange(length, tokens.Count - length);

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
    public static LanguageModel Script(WhisperTokenizer tokenizer, Func<float[], IReadOnlyList<int>> script, float certainty = 20) =>
        (window, tokens, logits) =>
    {
        logits.Fill(-certainty / 2);
        var (written, begins) = Written(tokenizer, tokens);
        // Without timestamps the words alone are written.
        var planned = tokens.Contains(tokenizer.NoTimestamps)
            ? [.. script(window).Where(token => token < tokenizer.TimestampBegin)]
            : script(window);
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
