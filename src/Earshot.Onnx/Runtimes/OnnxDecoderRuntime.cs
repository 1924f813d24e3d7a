using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;

namespace Earshot.Onnx.Runtimes;

/// <summary>
/// A decoder's graphs: the one that steps, the one that embeds tokens where it takes embeddings, and the aligning one, which is loaded when
/// it is first asked for.
/// </summary>
internal sealed class OnnxDecoderRuntime : DecoderRuntime, IDisposable
{
    readonly string _folder;
    readonly ExportManifest _manifest;
    readonly ModelGraph? _embedding;
    readonly Lazy<Aligner?> _aligner;
    readonly StatePlace _place;
    readonly PlacePool _rows;

    public OnnxDecoderRuntime(
        string folder, ExportManifest manifest, ModelParts parts, OnnxSessionOptions session, OnnxModelOptions options)
        : base(parts.Decoder!)
    {
        (_folder, _manifest) = (folder, manifest);
        var file = manifest.Decoder
            ?? throw new CheckpointException($"'{folder}' was exported without a decoder, which this model has. Export it again.");
        // Every step has shapes of its own, for which planning memory does not pay.
        var stepping = session with { MemoryPattern = false };
        Graph = new ModelGraph(folder, file, stepping);
        try
        {
            var type = Check();
            if (Shape.MemoryPositions == 0) _embedding = OpenEmbedding(stepping);
            _place = new StatePlace(Graph.Session);
            Layout = new CacheLayout(Shape.Layers, Shape.Heads.KeyValue, Shape.HeadSize, type, _place.Info, _place.Allocator);
        }
        catch
        {
            _embedding?.Dispose();
            Graph.Dispose();
            throw;
        }
        _aligner = new Lazy<Aligner?>(() => manifest.AligningDecoder is { } name ? OpenAligner(name, stepping) : null);
        Caches = new CacheGraphs(Layout, session);
        MemoryOutputs = [.. Enumerable.Range(0, parts.HasMemory ? Layout.Tensors : 0).Select(tensor => CacheLayout.CrossOutput(tensor))];
        _rows = new PlacePool(options.Limits.Rows, options.Limits.Waiting, "sequences at once");
        Line = new RunLine("decoder", Math.Max(1, options.StepsAtOnce), options.Limits.Waiting);
    }

    public StageTimer Time { get; } = new();

    public ProviderReport Providers => Graph.Session.Providers;

    /// <summary>Where steps have their turns.</summary>
    public RunLine Line { get; }

    public ModelGraph Graph { get; }

    /// <summary>Makes embeddings of tokens; null where the decoder takes tokens.</summary>
    public ModelGraph? Embedding => _embedding;

    public CacheLayout Layout { get; }

    public CacheGraphs Caches { get; }

    /// <summary>The encoder's outputs that a generation attends to, keys and values by layer in turn.</summary>
    public IReadOnlyList<string> MemoryOutputs { get; }

    public void Dispose()
    {
        Line.Dispose();
        Caches.Dispose();
        if (_aligner.IsValueCreated) _aligner.Value?.Graph.Dispose();
        _embedding?.Dispose();
        Graph.Dispose();
        _place.Dispose();
    }

    /// <exception cref="ModelException">The model was exported without, or with other heads.</exception>
    public Aligner RequireAligner() => _aligner.Value ?? throw new ModelException(
        $"The model '{_folder}' was exported without word times. "
        + "Export it again with them.");

    public void ReturnRows(int[] rows) => _rows.Return(rows);

    protected override async ValueTask<Generation> StartAsync(
        EncodedAudio? memory, int rows, LowRankAdapter? adapter, CancellationToken cancellationToken)
    {
        if (memory is not null && (memory is not OnnxEncodedAudio window || window.Owner != this))
            throw new ModelException(
                $"Audio encoded by {memory.GetType().Name} of another runtime cannot be decoded here; "
                + "encode it with the model that decodes it.");
        var places = await _rows.TakeAsync(rows, cancellationToken).ConfigureAwait(false);
        try
        {
            return new OnnxGeneration(this, (OnnxEncodedAudio?)memory, places);
        }
        catch
        {
            _rows.Return(places);
            throw;
        }
    }

    ModelGraph OpenEmbedding(OnnxSessionOptions session)
    {
        var file = _manifest.Embedding
            ?? throw new CheckpointException($"'{_folder}' has no graph of embeddings, which its decoder takes. Export the model again.");
        var graph = new ModelGraph(_folder, file, session);
        graph.RequireInput(GraphNames.InputIds, -1, -1);
        graph.RequireOutput(GraphNames.InputsEmbeds, -1, -1, Shape.Width);
        return graph;
    }

    Aligner OpenAligner(string file, OnnxSessionOptions session)
    {
        var made = _manifest.Heads.ToList();
        int[] order = [.. Shape.AlignmentHeads.Select(head => made.IndexOf(head))];
        if (order.Contains(-1))
            throw new ModelException(
                $"The model '{_folder}' was exported with the alignment heads {Text(made)}; "
                + $"its settings want {Text(Shape.AlignmentHeads)}. Export it again.");
        var graph = new ModelGraph(_folder, file, session);
        graph.RequireOutput(GraphNames.AlignmentAttentions, -1, -1, made.Count, -1);
        return new Aligner(graph, made.Count, order);
    }

    // Returns what caches are kept in.
    OnnxElementType Check()
    {
        if (Shape.MemoryPositions > 0) Graph.RequireInput(GraphNames.InputIds, -1, -1);
        else Graph.RequireInput(GraphNames.InputsEmbeds, -1, -1, Shape.Width);
        Graph.RequireOutput(GraphNames.Logits, -1, -1, Shape.VocabSize);
        int heads = Shape.Heads.KeyValue;
        for (int tensor = 0; tensor < 2 * Shape.Layers; tensor++)
        {
            Graph.RequireInput(CacheLayout.Past(tensor), -1, heads, -1, Shape.HeadSize);
            Graph.RequireOutput(CacheLayout.Present(tensor), -1, heads, -1, Shape.HeadSize);
            if (Shape.MemoryPositions > 0) Graph.RequireInput(CacheLayout.CrossInput(tensor), -1, heads, -1, Shape.Width / heads);
        }
        if (Graph.HasInput(CacheLayout.Past(2 * Shape.Layers)))
            throw new CheckpointException(
                $"The decoder's graph in '{_folder}' has more layers than the {Shape.Layers} that its settings " +
                "say. Export the model again.");
        return Graph.RequireInput(CacheLayout.Past(0), -1, heads, -1, Shape.HeadSize).Type;
    }

    static string Text(IEnumerable<AlignmentHead> heads) => string.Join(' ', heads.Select(head => $"{head.Layer}.{head.Head}"));
}

/// <summary>The graph that returns the alignment heads' attention.</summary>
/// <param name="Made">How many heads it returns.</param>
/// <param name="Order">Where each of the decoder's alignment heads is among them.</param>
internal sealed record Aligner(ModelGraph Graph, int Made, int[] Order);
