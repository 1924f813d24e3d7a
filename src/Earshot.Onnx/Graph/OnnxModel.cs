namespace Earshot.Onnx.Graph;

/// <summary>A graph with the operator sets it is written in, and the file's own notes.</summary>
public sealed class OnnxModel
{
    /// <summary>
    /// The version of ONNX's file format that our models say: 10 goes with operator sets up to 21 and ONNX Runtime from 1.18.
    /// </summary>
    public const long DefaultIrVersion = 10;

    public OnnxModel(OnnxGraph graph) => Graph = graph;

    public OnnxGraph Graph { get; }

    public long IrVersion { get; set; } = DefaultIrVersion;

    /// <summary>The version of each operator set, by domain; ONNX's own has the empty one.</summary>
    public SortedDictionary<string, long> OperatorSets { get; } = new(StringComparer.Ordinal);

    public string ProducerName { get; set; } = "Earshot";

    public string ProducerVersion { get; set; } = "";

    /// <summary>Free notes by key.</summary>
    public SortedDictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>The version of ONNX's own operator set; 0 where the model names none.</summary>
    public long OperatorSet => OperatorSets.GetValueOrDefault("");

    /// <summary>Fields that we do not read (functions, training information), as they were.</summary>
    internal byte[] Unknown { get; set; } = [];

    /// <summary>Reads a model file; tensors in external data files are checked to be there and read when asked for.</summary>
    /// <exception cref="OnnxModelException">The file is damaged, or names data outside its folder.</exception>
    public static OnnxModel Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            return OnnxReader.Read(File.ReadAllBytes(path), Path.GetDirectoryName(Path.GetFullPath(path)));
        }
        catch (IOException e)
        {
            throw new OnnxModelException($"The model '{path}' cannot be read: {e.Message}", e);
        }
        catch (OnnxModelException e)
        {
            throw new OnnxModelException($"The model '{path}' cannot be used. {e.Message}", e);
        }
    }

    /// <summary>
    /// Reads a model from memory, of which its tensors are slices; external data is looked for in <paramref name="folder"/>, and refused
    /// where that is null.
    /// </summary>
    /// <exception cref="OnnxModelException">The bytes are damaged.</exception>
    public static OnnxModel Read(ReadOnlyMemory<byte> bytes, string? folder = null) => OnnxReader.Read(bytes, folder);

    /// <summary>The model as one file's bytes, with all tensors inside.</summary>
    /// <exception cref="OnnxModelException">The tensors take more than 2 GB, which one file cannot hold.</exception>
    public byte[] ToBytes()
    {
        var writer = new OnnxWriter(null).Model(this);
        if (writer.Length > Array.MaxLength)
        {
            throw new OnnxModelException(
                $"The model takes {writer.Length} bytes, more than one ONNX file can hold; save it with external data.");
        }
        var bytes = new MemoryStream((int)writer.Length);
        writer.CopyTo(bytes);
        return bytes.TryGetBuffer(out var buffer) && buffer.Count == buffer.Array!.Length ? buffer.Array : bytes.ToArray();
    }

    /// <summary>
    /// Writes the model, and its larger tensors into a data file beside it where <paramref name="options"/> or the size ask for that.
    /// </summary>
    public void Save(string path, OnnxSaveOptions? options = null) => OnnxFiles.Save(this, path, options ?? new OnnxSaveOptions());

    /// <summary>The stable text form, for reading and for snapshots.</summary>
    public override string ToString() => OnnxText.Of(this);
}
