using System.Globalization;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Measuring;
using Earshot.Models;

namespace Earshot.Cli.Inspection;

/// <summary>What to measure, and how much of it to tell.</summary>
internal sealed record InspectionOptions
{
    /// <summary>Hypotheses decoded side by side.</summary>
    public int Rows { get; init; } = 1;

    /// <summary>Tokens that the measured decoder step has behind it.</summary>
    public int Past { get; init; } = 100;

    public bool Tensors { get; init; }

    public bool Operations { get; init; }
}

/// <summary>Runs Whisper's functions over shapes alone and reports what they would take.</summary>
internal sealed class WhisperInspection
{
    readonly InspectedWeights _weights;
    readonly ITensorStore _tensors;
    readonly WhisperConfig _config;
    readonly InspectionOptions _options;
    readonly WhisperCosts _costs;

    WhisperInspection(InspectedWeights weights, WhisperConfig config, InspectionOptions options)
    {
        _weights = weights;
        _tensors = weights.Tensors;
        _config = config;
        _options = options;
        _costs = new WhisperCosts(_tensors, config, parameter => weights.BytesOf(parameter.Stored));
    }

    /// <exception cref="CheckpointException">The tensors do not fit the configuration.</exception>
    public static ModelReport Report(InspectedWeights weights, WhisperConfig config, InspectionOptions options) =>
        new WhisperInspection(weights, config, options).Report();

    ModelReport Report()
    {
        if (_options.Past >= _config.MaxTargetPositions)
            throw new UsageException($"--past is {_options.Past}; this model's context holds {_config.MaxTargetPositions} tokens, so expected 0 to {_config.MaxTargetPositions - 1}.");
        var stages = MeasureStages();
        var stored = _tensors.Names.Select(name => _tensors.Find(name)!).OrderBy(tensor => tensor.Name, StringComparer.Ordinal).ToList();
        var used = _costs.Parameters.Select(parameter => parameter.Name).ToHashSet();
        long parameters = stored.Sum(tensor => tensor.Shape.Count);
        return new ModelReport
        {
            Model = _tensors.Location,
            Architecture = ModelArchitecture.Whisper,
            Sizes = Sizes(),
            Parameters = parameters,
            TensorCount = stored.Count,
            WeightBytes = stored.Sum(_weights.BytesOf),
            Parts = [.. stored.GroupBy(PartOf).OrderBy(group => Array.IndexOf(s_parts, group.Key)).Select(Part)],
            Stages = stages,
            Memory = Memory(parameters, stored.Sum(_weights.BytesOf)),
            UnusedTensors = [.. stored.Where(tensor => !used.Contains(tensor.Name)).Select(tensor => tensor.Name)],
            Tensors = _options.Tensors ? [.. stored.Select(tensor => new TensorReport(tensor.Name, _weights.TypeOf(tensor), tensor.Shape.ToArray(), _weights.BytesOf(tensor)))] : null,
        };
    }

    List<StageReport> MeasureStages()
    {
        int frames = 2 * _config.MaxSourcePositions;
        return
        [
            Stage("encoder", string.Create(CultureInfo.InvariantCulture, $"a window of {frames / 100.0:0.##} s"), _costs.Encoder(frames)),
            Stage("cross-attention", "a window", _costs.CrossAttentionKeys()),
            Stage("decoder", $"{(_options.Rows == 1 ? "a token" : $"{_options.Rows} tokens")} after {_options.Past}", _costs.Step(_options.Rows, _options.Past)),
        ];
    }

    StageReport Stage(string name, string what, Cost total) => new(name, what, total.Flops, total.WeightBytes, total.ActivationBytes, total.KeyValueBytes)
    {
        Operations = _options.Operations ? [.. _costs.Operations.GroupBy(measurement => measurement.Operation).Select(Operation).OrderByDescending(operation => operation.Flops)] : null,
    };

    static OperationReport Operation(IGrouping<string, Measurement> measurements)
    {
        var cost = measurements.Aggregate(default(Cost), (sum, measurement) => sum + measurement);
        return new OperationReport(measurements.Key, measurements.Count(), cost.Flops, cost.WeightBytes, cost.ActivationBytes, cost.KeyValueBytes);
    }

    ModelSizes Sizes() => new()
    {
        Width = _config.DModel,
        EncoderLayers = _config.EncoderLayers,
        DecoderLayers = _config.DecoderLayers,
        Heads = _config.EncoderAttentionHeads,
        MelBins = _config.NumMelBins,
        Vocabulary = _config.VocabSize,
        AudioPositions = _config.MaxSourcePositions,
        TextPositions = _config.MaxTargetPositions,
        Multilingual = _config.IsMultilingual,
    };

    MemoryReport Memory(long parameters, long stored) => new()
    {
        WeightsAsStored = stored,
        WeightsAsF32 = parameters * sizeof(float),
        WeightsAsBF16 = parameters * 2,
        AudioKeysAndValues = 2L * _config.DecoderLayers * _config.MaxSourcePositions * _config.DModel * sizeof(float),
        TextKeysAndValues = 2L * _config.DecoderLayers * _config.MaxTargetPositions * _config.DModel * sizeof(float),
    };

    PartReport Part(IGrouping<string, StoredTensor> tensors) => new(
        tensors.Key,
        tensors.Count(),
        tensors.Sum(tensor => tensor.Shape.Count),
        [.. tensors.Select(_weights.TypeOf).Distinct().Order(StringComparer.Ordinal)],
        tensors.Sum(_weights.BytesOf));

    const string EncoderFront = "encoder convolutions", EncoderPositions = "encoder positions", EncoderLayers = "encoder layers", EncoderNorm = "encoder norm";
    const string DecoderTokens = "decoder tokens", DecoderPositions = "decoder positions", DecoderLayers = "decoder layers", DecoderNorm = "decoder norm";
    const string Projection = "output projection", Other = "other";

    static readonly string[] s_parts = [EncoderFront, EncoderPositions, EncoderLayers, EncoderNorm, DecoderTokens, DecoderPositions, DecoderLayers, DecoderNorm, Projection, Other];

    static string PartOf(StoredTensor tensor)
    {
        var name = tensor.Name.StartsWith("model.", StringComparison.Ordinal) ? tensor.Name["model.".Length..] : tensor.Name;
        return name.Split('.') switch
        {
            ["encoder", "conv1" or "conv2", ..] => EncoderFront,
            ["encoder", "embed_positions", ..] => EncoderPositions,
            ["encoder", "layers", ..] => EncoderLayers,
            ["encoder", "layer_norm", ..] => EncoderNorm,
            ["decoder", "embed_tokens", ..] => DecoderTokens,
            ["decoder", "embed_positions", ..] => DecoderPositions,
            ["decoder", "layers", ..] => DecoderLayers,
            ["decoder", "layer_norm", ..] => DecoderNorm,
            ["proj_out", ..] => Projection,
            _ => Other,
        };
    }
}
