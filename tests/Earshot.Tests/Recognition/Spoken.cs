using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Features;
using Earshot.Models;
using Earshot.Recognition;

namespace Earshot.Tests.Recognition;

/// <summary>A transducer that hears pieces of words in every recording, four positions apart and two positions long each.</summary>
internal sealed class Spoken : ModelRuntime
{
    public const int SamplesPerPosition = 1280;

    readonly CpuModelRuntime _transducing;

    public Spoken(string[] said) : this(said, new PieceTokenizer([.. said.Distinct()])) { }

    Spoken(string[] said, PieceTokenizer pieces) : base(PartsOf(pieces))
    {
        _transducing = new CpuModelRuntime(new ModelParts { Transducer = Parts.Transducer }, new RandomTensors());
        Encoder = new Hearing(Parts, [.. said.Select(piece => pieces.Encode(piece)[0])]);
        Recognizer = Recognizers.For(
            new SpeechModel
            {
                Info = new() { Name = "spoken", Type = "spoken" },
                Parts = Parts,
                Features = new SampleSettings(),
                Tokenizer = pieces,
            }, this);
    }

    public Recognizer Recognizer { get; }

    public override EncoderRuntime Encoder { get; }

    public override DecoderRuntime? Decoder => null;

    public override TransducerRuntime? Transducer => _transducing.Transducer;

    protected override void Dispose(bool disposing)
    {
        _transducing.Dispose();
        base.Dispose(disposing);
    }

    static ModelParts PartsOf(PieceTokenizer pieces) => new()
    {
        Encoder = new Positions(pieces.VocabSize + 3),
        Transducer = new TellingTransducer(pieces.VocabSize + 1, pieces.VocabSize, [1, 2], pieces.VocabSize + 3),
    };

    /// <summary>Sizes alone.</summary>
    sealed class Positions(int width) : IAudioEncoder
    {
        public EncoderShape Shape { get; } = new() { InputSize = 1, Width = width, MostFrames = 480_000, SecondsPerPosition = 0.08 };

        public int PositionsOf(int frames) => frames / SamplesPerPosition;

        public Tensor Encode(Tensor features, Scope root) => throw new NotSupportedException();
    }

    sealed class Hearing(ModelParts parts, int[] said) : EncoderRuntime(parts)
    {
        protected override ValueTask<EncodedAudio> RunAsync(ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken)
        {
            int positions = PositionsOf(frames), blank = ValueWidth - 3;
            var logits = new float[positions * ValueWidth];
            for (int p = 0; p < positions; p++)
            {
                bool speaks = p % 4 == 0 && p / 4 < said.Length;
                logits[(p * ValueWidth) + (speaks ? said[p / 4] : blank)] = 10;
                logits[(p * ValueWidth) + blank + (speaks ? 2 : 1)] = 10;
            }
            return new(new EncodedValues(logits, positions));
        }

        protected override ValueTask<float[]> RunToArrayAsync(
            ReadOnlyMemory<float> features, int frames, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
