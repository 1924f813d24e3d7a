using System.Text.Json.Nodes;

namespace Earshot.Cli.Inspection;

/// <summary>What <c>inspect</c> tells about a model. Sizes are bytes; FLOPs count a multiply-add as two.</summary>
internal sealed record ModelReport
{
    public required string Model { get; init; }

    public required string Architecture { get; init; }

    /// <summary>The program whose files they are; null: a folder in Hugging Face's format.</summary>
    public string? Container { get; init; }

    /// <summary>The sizes that make two models comparable, by name, and whether it knows more than one language.</summary>
    public required JsonObject Sizes { get; init; }

    /// <summary>The codes of the languages that it knows, where that is known.</summary>
    public required IReadOnlyList<string> Languages { get; init; }

    public required long Parameters { get; init; }

    public required int TensorCount { get; init; }

    public required long WeightBytes { get; init; }

    public required IReadOnlyList<PartReport> Parts { get; init; }

    public required IReadOnlyList<StageReport> Stages { get; init; }

    public required MemoryReport Memory { get; init; }

    /// <summary>Tensors that no part of the model reads, but for those that its family is known to leave.</summary>
    public required IReadOnlyList<string> UnusedTensors { get; init; }

    /// <summary>Every tensor, where asked for.</summary>
    public IReadOnlyList<TensorReport>? Tensors { get; init; }
}

/// <summary>A part of the model: its tensors, and the element types they are stored in.</summary>
internal sealed record PartReport(string Name, int Tensors, long Parameters, IReadOnlyList<string> DTypes, long Bytes);

/// <summary>
/// A stage of transcribing: what computing it once takes, in FLOPs and in bytes of weights, activations, and cached keys and values moved.
/// </summary>
internal sealed record StageReport(string Name, string What, double Flops, long WeightBytes, long ActivationBytes, long KeyValueBytes)
{
    /// <summary>The kinds of operation in the stage, costliest first, where asked for.</summary>
    public IReadOnlyList<OperationReport>? Operations { get; init; }

    /// <summary>FLOPs per byte moved: below about 10, memory is the limit; far above, arithmetic.</summary>
    public double Intensity => WeightBytes + ActivationBytes + KeyValueBytes is var bytes and > 0 ? Flops / bytes : 0;
}

/// <summary>All operations of a kind within a stage.</summary>
internal sealed record OperationReport(string Name, int Count, double Flops, long WeightBytes, long ActivationBytes, long KeyValueBytes);

/// <summary>Memory that a running model takes beside its temporaries.</summary>
internal sealed record MemoryReport
{
    public required long WeightsAsStored { get; init; }

    public required long WeightsAsF32 { get; init; }

    public required long WeightsAsBF16 { get; init; }

    /// <summary>Cross-attention keys and values of one window, float32; 0 where there are none.</summary>
    public required long AudioKeysAndValues { get; init; }

    /// <summary>Self-attention keys and values of one hypothesis at full length, float32; 0 where there are none.</summary>
    public required long TextKeysAndValues { get; init; }
}

/// <summary>One tensor of the checkpoint.</summary>
internal sealed record TensorReport(string Name, string DType, IReadOnlyList<int> Shape, long Bytes);
