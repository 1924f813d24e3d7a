namespace Earshot.Onnx.Native;

/// <summary>One thing that ONNX Runtime can run a graph on, with its settings.</summary>
public abstract record ExecutionProvider
{
    /// <summary>The name in a wish, in reports and on the command line: <c>cpu</c>, <c>cuda</c>, <c>tensorrt</c>…</summary>
    public abstract string Name { get; }

    /// <summary>ONNX Runtime's name, as in its list of available providers.</summary>
    internal abstract string RuntimeName { get; }
}

/// <summary>The processor; always there.</summary>
public sealed record CpuProvider : ExecutionProvider
{
    /// <summary>Threads that share one operator's work; null: one a core.</summary>
    public int? Threads { get; init; }

    /// <summary>Whether memory is kept for the next run instead of given back.</summary>
    public bool Arena { get; init; } = true;

    public override string Name => "cpu";

    internal override string RuntimeName => "CPUExecutionProvider";
}

/// <summary>NVIDIA graphics cards through CUDA.</summary>
public sealed record CudaProvider : ExecutionProvider
{
    /// <summary>The card's number, from 0.</summary>
    public int Device { get; init; }

    /// <summary>The most bytes of the card's memory to take; null: all.</summary>
    public long? ArenaLimit { get; init; }

    /// <summary>Further settings by the provider's own keys.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    public override string Name => "cuda";

    internal override string RuntimeName => "CUDAExecutionProvider";
}

/// <summary>
/// NVIDIA graphics cards through TensorRT, which compiles the graph for the card: slow to start without a cache of engines, fast to run.
/// </summary>
public sealed record TensorRtProvider : ExecutionProvider
{
    /// <summary>The card's number, from 0.</summary>
    public int Device { get; init; }

    /// <summary>Whether float16 may be computed where the graph says float32.</summary>
    public bool Float16 { get; init; }

    /// <summary>The folder that keeps compiled engines between runs; null: none are kept.</summary>
    public string? EngineCachePath { get; init; }

    /// <summary>The most bytes of the card's memory that compiling may take; null: the provider's default.</summary>
    public long? WorkspaceBytes { get; init; }

    /// <summary>Further settings by the provider's own keys (<c>trt_…</c>).</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    public override string Name => "tensorrt";

    internal override string RuntimeName => "TensorrtExecutionProvider";
}

/// <summary>
/// Any other provider that the runtime's build knows, with settings by the provider's own keys: coreml, dml, openvino, qnn, webgpu,
/// xnnpack.
/// </summary>
public sealed record OtherProvider : ExecutionProvider
{
    static readonly Dictionary<string, (string Append, string Runtime)> s_names = new()
    {
        ["coreml"] = ("CoreML", "CoreMLExecutionProvider"),
        ["dml"] = ("DML", "DmlExecutionProvider"),
        ["openvino"] = ("OpenVINO", "OpenVINOExecutionProvider"),
        ["qnn"] = ("QNN", "QNNExecutionProvider"),
        ["webgpu"] = ("WebGPU", "WebGpuExecutionProvider"),
        ["xnnpack"] = ("XNNPACK", "XnnpackExecutionProvider"),
    };

    /// <exception cref="OnnxRuntimeException">The name is not one of those known.</exception>
    public OtherProvider(string name)
    {
        if (!s_names.ContainsKey(name))
        {
            throw new OnnxRuntimeException(
                $"There is no execution provider '{name}'; there are tensorrt, cuda, cpu, {string.Join(", ", s_names.Keys)}.",
                OnnxErrorCode.InvalidArgument);
        }
        Name = name;
    }

    public override string Name { get; }

    /// <summary>Settings by the provider's own keys.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    internal override string RuntimeName => s_names[Name].Runtime;

    /// <summary>The name that the generic append function takes.</summary>
    internal string AppendName => s_names[Name].Append;
}
