using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Features;
using Earshot.Models;
using Earshot.Recognition;
using Earshot.Tests.Models;
using Earshot.Tokenizers;
using Earshot.Transcription;

namespace Earshot.Tests.Recognition;

/// <summary>A recording whose samples tell which token each position is, and a CTC model, or a transducer, that hears just that.</summary>
internal sealed class ScriptedLetters
{
    public const int SamplesPerPosition = 320;

    const float Unit = 1f / 64;

    readonly List<int> _ids = [];
    readonly List<(string Text, int Start, int End)> _words = [];
    readonly CtcVocabulary _vocabulary = CtcVocabulary.Load(Wav2Vec2Tests.Folder("base"));

    public IReadOnlyList<(string Text, int Start, int End)> Words => _words;

    public string Text => string.Join(' ', _words.Select(word => word.Text));

    public int Positions => _ids.Count;

    /// <summary>How sure the model is of each position.</summary>
    public float Certainty { get; init; } = 10;

    /// <summary>Samples that the model hears at once at most; 0 where it hears windows.</summary>
    public int LongFrames { get; init; }

    public ScriptedLetters Pause(int positions)
    {
        _ids.AddRange(Enumerable.Repeat(_vocabulary.Blank, positions));
        return this;
    }

    /// <summary>Letters of two positions with a blank after each, then the delimiter, unless nothing tells the word's end.</summary>
    public ScriptedLetters Say(string word, bool ends = true)
    {
        int start = _ids.Count;
        foreach (int id in _vocabulary.Encode(word)) _ids.AddRange([id, id, _vocabulary.Blank]);
        _words.Add((word, start, _ids.Count - 1));
        if (ends) _ids.AddRange(Enumerable.Repeat(_vocabulary.Encode(" ")[0], 2));
        return this;
    }

    /// <summary>Words and pauses as they come by chance.</summary>
    public static ScriptedLetters Random(int seed, int positions, int longestPause = 120, int longFrames = 0)
    {
        var (random, script) = (new Random(seed), new ScriptedLetters { LongFrames = longFrames });
        while (script.Positions < positions)
        {
            script.Pause(random.Next(4) == 0 ? random.Next(longestPause) : random.Next(4));
            script.Say(string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => (char)('A' + random.Next(26)))));
        }
        return script.Pause(2);
    }

    /// <summary>Each position's samples, and some more that are a part of the last position.</summary>
    public float[] Samples(
        int more = 0) => [.. _ids.SelectMany(id => Enumerable.Repeat(id * Unit, SamplesPerPosition)), .. new float[more]];

    public Runtime Open() => new(this, transduces: false);

    /// <summary>The same, heard by a transducer with durations: two positions for a letter or a space, one for a blank.</summary>
    public Runtime OpenTransducer() => new(this, transduces: true);

    internal sealed class Runtime : ModelRuntime
    {
        readonly CpuModelRuntime? _transducing;

        Runtime(ScriptedLetters script, SpeechModel model) : base(model.Parts)
        {
            Encoder = new Hearing(script, this);
            if (model.Parts.Transducer is { } transducer)
                _transducing = new CpuModelRuntime(new ModelParts { Transducer = transducer }, new RandomTensors());
            Recognizer = Recognizers.For(model, this);
        }

        public Runtime(ScriptedLetters script, bool transduces) : this(script, Model(script, transduces)) { }

        public Recognizer Recognizer { get; }

        public RecordingTranscriber Transcriber => new(Recognizer);

        public override EncoderRuntime Encoder { get; }

        public override DecoderRuntime? Decoder => null;

        public override TransducerRuntime? Transducer => _transducing?.Transducer;

        /// <summary>Samples of each window that was heard.</summary>
        public List<int> Heard { get; } = [];

        protected override void Dispose(bool disposing)
        {
            _transducing?.Dispose();
            base.Dispose(disposing);
        }

        static SpeechModel Model(ScriptedLetters script, bool transduces)
        {
            var model = ModelFamilies.Named("wav2vec2-base-960h") with { Tokenizer = script._vocabulary, Features = new SampleSettings() };
            if (script.LongFrames > 0) model = model with { Parts = model.Parts with { Encoder = new Sizes(script.LongFrames) } };
            if (!transduces) return model;
            return model with
            {
                Parts = model.Parts with
                {
                    Transducer = new TellingTransducer(
                        model.Parts.FinishedWidth, script._vocabulary.Blank, [1, 2], model.Parts.Encoder!.Shape.Width),
                    Ctc = null,
                },
            };
        }
    }

    /// <summary>Sizes alone, of an encoder that hears long stretches.</summary>
    sealed class Sizes(int most) : IAudioEncoder
    {
        public EncoderShape Shape { get; } = new()
        {
            InputSize = 1,
            Width = 768,
            MostFrames = Math.Max(480_000, most),
            SecondsPerPosition = 0.02,
        };

        public int PositionsOf(int frames) => frames / SamplesPerPosition;

        public Tensor Encode(Tensor features, Scope root) => throw new NotSupportedException();
    }

    sealed class Hearing(ScriptedLetters script, Runtime owner) : EncoderRuntime(owner.Parts)
    {
        public override int LongFrames => script.LongFrames;

        protected override ValueTask<EncodedAudio> RunAsync(ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            lock (owner.Heard) owner.Heard.Add(frames);
            int positions = PositionsOf(frames);
            var logits = new float[positions * ValueWidth];
            for (int p = 0; p < positions; p++)
            {
                Assert.True(p * SamplesPerPosition < features.Length);
                int id = (int)(features.Span[p * SamplesPerPosition] / Unit);
                logits[(p * ValueWidth) + id] = script.Certainty;
                if (owner.Transducer is { Shape: var shape })
                    logits[(p * ValueWidth) + shape.VocabSize + (id == shape.Blank ? 0 : 1)] = script.Certainty;
            }
            return new(new EncodedValues(logits, positions));
        }

        protected override ValueTask<float[]> RunToArrayAsync(
            ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
