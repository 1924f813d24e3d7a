using System.Text.Json.Nodes;
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

    /// <summary>Tokens that the measured decoder step has behind it; null: 100, or as many as fit.</summary>
    public int? Past { get; init; }

    public bool Tensors { get; init; }

    public bool Operations { get; init; }
}

/// <summary>Runs a model's parts over shapes alone and reports what they would take.</summary>
internal sealed class ModelInspection
{
    readonly SpeechModel _model;
    readonly InspectedWeights _weights;
    readonly InspectionOptions _options;
    readonly TrackedTensors _tensors;

    ModelInspection(SpeechModel model, InspectedWeights weights, InspectionOptions options)
    {
        (_model, _weights, _options) = (model, weights, options);
        _tensors = new TrackedTensors(weights.Tensors);
    }

    /// <exception cref="CheckpointException">The tensors do not fit the model's settings.</exception>
    public static ModelReport Report(SpeechModel model, InspectedWeights weights, InspectionOptions options) =>
        new ModelInspection(model, weights, options).Report();

    ModelReport Report()
    {
        int most = _model.Parts.Decoder?.Shape.MostPositions ?? int.MaxValue, past = _options.Past ?? Math.Min(100, most - 1);
        if (past >= most)
            throw new UsageException($"--past is {past}; this model's context holds {most} tokens, so expected 0 to {most - 1}.");
        var costs = new ModelCosts(_model.Parts, _model.Prepare(_tensors), parameter => _weights.BytesOf(parameter.Stored));
        var stages = costs.Stages(_options.Rows, past).Select(Stage).ToList();
        var stored = _tensors.Names.Select(name => _tensors.Source.Find(name)!).OrderBy(tensor => tensor.Name, StringComparer.Ordinal)
            .ToList();
        long parameters = stored.Sum(tensor => tensor.Shape.Count);
        return new ModelReport
        {
            Model = _weights.Tensors.Location,
            Architecture = _model.Info.Type,
            Sizes = Sizes(),
            Languages = _model.Info.Languages,
            Parameters = parameters,
            TensorCount = stored.Count,
            WeightBytes = stored.Sum(_weights.BytesOf),
            Parts = Parts(stored),
            Stages = stages,
            Memory = Memory(parameters, stored.Sum(_weights.BytesOf)),
            UnusedTensors = [.. stored.Select(tensor => tensor.Name)
                .Where(name => !_tensors.IsUsed(name) && _model.Parts.IsUnused?.Invoke(name) != true)],
            Tensors = _options.Tensors ? [.. stored.Select(Tensor)] : null,
        };
    }

    TensorReport Tensor(StoredTensor tensor) => new(tensor.Name, _weights.TypeOf(tensor), tensor.Shape.ToArray(), _weights.BytesOf(tensor));

    StageReport Stage(StageCost stage)
    {
        var cost = stage.Cost;
        var report = new StageReport(stage.Name, stage.What, cost.Flops, cost.WeightBytes, cost.ActivationBytes, cost.KeyValueBytes);
        if (!_options.Operations) return report;
        var kinds = stage.Operations.GroupBy(measurement => measurement.Operation).Select(Operation);
        return report with { Operations = [.. kinds.OrderByDescending(operation => operation.Flops)] };
    }

    static OperationReport Operation(IGrouping<string, Measurement> measurements)
    {
        var cost = measurements.Aggregate(default(Cost), (sum, measurement) => sum + measurement);
        return new OperationReport(
            measurements.Key, measurements.Count(), cost.Flops, cost.WeightBytes, cost.ActivationBytes, cost.KeyValueBytes);
    }

    JsonObject Sizes()
    {
        var sizes = new JsonObject();
        foreach (var (name, value) in _model.Info.Sizes) sizes[name.Replace(' ', '_')] = value;
        if (_model.Info.Languages.Count > 0) sizes["multilingual"] = _model.Info.Languages.Count > 1;
        return sizes;
    }

    MemoryReport Memory(long parameters, long stored)
    {
        var decoder = _model.Parts.Decoder?.Shape;
        return new MemoryReport
        {
            WeightsAsStored = stored,
            WeightsAsF32 = parameters * sizeof(float),
            WeightsAsBF16 = parameters * 2,
            AudioKeysAndValues = decoder is null ? 0 : 2L * decoder.Layers * decoder.MemoryPositions * decoder.Width * sizeof(float),
            TextKeysAndValues = decoder is null ? 0 : 2L * decoder.Layers * decoder.MostPositions * decoder.KeyWidth * sizeof(float),
        };
    }

    // In the order in which the model reads them; what it does not read comes last.
    List<PartReport> Parts(List<StoredTensor> stored)
    {
        var names = new PartNames(stored.Select(tensor => tensor.Name));
        var order = _tensors.Found.Select((tensor, i) => (tensor.Name, i)).ToDictionary(pair => pair.Name, pair => pair.i);
        return [.. stored.OrderBy(tensor => order.GetValueOrDefault(tensor.Name, int.MaxValue)).GroupBy(tensor => names.Of(tensor.Name))
            .Select(Part)];
    }

    PartReport Part(IGrouping<string, StoredTensor> tensors) => new(
        tensors.Key,
        tensors.Count(),
        tensors.Sum(tensor => tensor.Shape.Count),
        [.. tensors.Select(_weights.TypeOf).Distinct().Order(StringComparer.Ordinal)],
        tensors.Sum(_weights.BytesOf));
}
