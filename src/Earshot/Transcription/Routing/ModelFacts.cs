using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;
using Earshot.Compute.Parts;
using Earshot.Compute.Quantization;
using Earshot.Models;
using Earshot.Recognition;

namespace Earshot.Transcription;

/// <summary>What a model can do and takes, as its files tell.</summary>
public sealed record ModelFacts
{
    /// <summary>Whether it writes down speech at all.</summary>
    public required bool Recognizes { get; init; }

    /// <summary>The codes of the languages that it knows; empty where its files do not tell.</summary>
    public IReadOnlyList<string> Languages { get; init; } = [];

    public bool Translates { get; init; }

    public bool WordTimestamps { get; init; }

    /// <summary>Whether its encoder hears sound as it comes.</summary>
    public bool Streaming { get; init; }

    /// <summary>About the bytes of memory that it takes.</summary>
    public long Memory { get; init; }

    /// <summary>
    /// About its computing time over sound's on this machine; asked only where it matters, since the machine is measured for it.
    /// </summary>
    public Func<double>? RealTimeFactor { get; init; }

    /// <summary>What a model is said to do by its parts.</summary>
    public static ModelFacts Of(SpeechModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        bool timed = model.Parts is { Ctc: not null } or { Transducer: not null };
        var whisper = model.Prompt as WhisperPrompt;
        return new ModelFacts
        {
            Recognizes = timed || whisper is not null,
            Languages = model.Info.Languages,
            Translates = whisper is not null && WhisperCapabilities.WhyNoTranslation(whisper.Config) is null,
            WordTimestamps = timed || model.Parts.Decoder is { Shape.AlignmentHeads.Count: > 0 },
            Streaming = model.Parts.Encoder is IStreamingEncoder,
        };
    }
}

/// <summary>Looks models up.</summary>
public interface IModelCatalog
{
    /// <summary>What is known of a model by its folder or name; null where it is not here.</summary>
    /// <exception cref="EarshotException">It is here, and damaged or of an unknown kind.</exception>
    ModelFacts? Find(string model);
}

/// <summary>The models of this machine: the box, the hub's cache, other programs' folders. No weight is read.</summary>
public sealed class LocalModelCatalog(TranscriberOptions? options = null) : IModelCatalog
{
    // Tokens of a second of speech, and of the past that a usual one has behind it.
    const int TokensASecond = 3, Past = 60;

    // Stages reach about half of the machine's limits: docs/performance.md.
    const double ShareOfLimits = 0.5;

    readonly TranscriberOptions _options = options ?? new();
    readonly Dictionary<string, ModelFacts?> _found = new(StringComparer.Ordinal);
    MachinePeaks? _peaks;

    public ModelFacts? Find(string model)
    {
        if (_found.TryGetValue(model, out var known)) return known;
        using var hub = new ModelHub(_options.Hub);
        return _found[model] = hub.TryResolve(model) is { } folder ? Read(new ModelFolder(folder)) : null;
    }

    ModelFacts Read(ModelFolder folder)
    {
        var model = ModelFamilies.Open(folder);
        using var weights = folder.OpenWeights();
        long bytes = 0;
        foreach (var name in weights.Names)
        {
            var tensor = weights.Find(name)!;
            bytes += tensor.Shape.Rank == 2
                ? FormatOf(weights, name).BytesOf(tensor.Shape[0], tensor.Shape[1])
                : WeightFormat.F32.BytesOf(1, tensor.Shape.Count);
        }
        var facts = ModelFacts.Of(model);
        double? factor = null;
        return facts with { Memory = bytes + MemoryOf(model.Parts), RealTimeFactor = () => factor ??= RealTimeFactor(folder, model) };
    }

    static WeightFormat FormatOf(ModelWeights weights, string name) =>
        MatrixUse.SavedAs(weights)?.Invoke(name) ?? CpuDevice.PreferredWeights();

    // Keys and values of a window and of a text.
    static long MemoryOf(ModelParts parts) => parts.Decoder is { Shape: var shape }
        ? 2L * sizeof(float) * shape.Layers * (((long)shape.MemoryPositions * shape.Width) + ((long)shape.MostPositions * shape.KeyWidth))
        : 0;

    double RealTimeFactor(ModelFolder folder, SpeechModel model)
    {
        using var weights = folder.OpenWeights();
        _peaks ??= new MachinePeaks(new CpuOptions { Threads = _options.Threads, InstructionSet = _options.InstructionSet });
        var format = weights.Quantized?.Format ?? CpuDevice.PreferredWeights(_options.InstructionSet);
        var costs = new ModelCosts(
            model.Parts, model.Prepare(weights),
            parameter => format.BytesOf(parameter.Shape[0], parameter.Shape.Count / parameter.Shape[0]));
        int frames = costs.WindowFrames;
        double window = model.Parts.Encoder!.PositionsOf(frames) * model.Parts.Encoder.Shape.SecondsPerPosition,
            hearing = Taken(costs.Encoder(frames)) + Taken(costs.Finish()) + Taken(costs.Memory()), token = 0;
        if (model.Parts.Decoder is { Shape.MostPositions: var most }) token += Taken(costs.Step(1, Math.Min(Past, most - 1)));
        if (model.Parts.Transducer is not null) token += Taken(costs.Transducer());
        return ((hearing / window) + (TokensASecond * token)) / ShareOfLimits;

        double Taken(Cost cost) => Math.Max(
            cost.Flops / (_peaks.Gigaflops(format) * 1e9), (cost.WeightBytes + cost.KeyValueBytes) / (_peaks.ReadGigabytesPerSecond * 1e9));
    }
}
