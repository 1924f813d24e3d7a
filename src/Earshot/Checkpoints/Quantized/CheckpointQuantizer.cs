using System.Text.Json;
using System.Text.Json.Nodes;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Tokenizers;

namespace Earshot.Checkpoints;

/// <summary>How a checkpoint is quantised.</summary>
public sealed record QuantizationOptions
{
    /// <summary>int8, int4 in groups of 32 or 128, or nf4.</summary>
    public required WeightFormat Format { get; init; }

    /// <summary>Names of matrices to leave as they are; null for none.</summary>
    public Func<string, bool>? Keep { get; init; }
}

/// <summary>What quantising came to.</summary>
/// <param name="BytesBefore">The tensors' bytes in the source.</param>
/// <param name="BytesAfter">The tensors' bytes in the result.</param>
/// <param name="Quantized">Matrices that were quantised.</param>
/// <param name="Kept">Tensors that were kept.</param>
public sealed record QuantizationResult(long BytesBefore, long BytesAfter, int Quantized, int Kept)
{
    /// <summary>The format that the source was quantised in, whose rounding the result has too; null for a source of plain numbers.</summary>
    public WeightFormat? From { get; init; }
}

/// <summary>Writes a model folder whose matrices are quantised: a safetensors file, with the scheme in <c>config.json</c>.</summary>
public static class CheckpointQuantizer
{
    internal const string ConfigKey = "quantization_config";
    const string Method = "earshot";

    // Everything of a model folder but its weights.
    static readonly string[] s_companions = ["generation_config.json", "preprocessor_config.json", "LICENSE"];

    // What the compact vocabulary takes the place of; copied where it cannot.
    static readonly string[] s_tokenizer = ["tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json"];

    /// <summary>
    /// Quantises the model of a folder into another folder, which is written beside and then renamed. An int8 source may go on to
    /// four bits: its values are what is quantised, and matrices that are kept stay int8; or be written anew in panels with the same values,
    /// where it lies in rows. The tokenizer becomes a compact file.
    /// </summary>
    /// <exception cref="CheckpointException">The source is no model, or is quantised in this way or to four bits already, or the target exists.</exception>
    public static QuantizationResult Run(string source, string target, QuantizationOptions options, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        ArgumentException.ThrowIfNullOrEmpty(target);
        ArgumentNullException.ThrowIfNull(options);
        WeightScheme.NameOf(options.Format);
        if (Path.Exists(target)) throw new CheckpointException($"'{target}' exists already; name a folder that does not, or remove it first.");
        var from = FormatOf(source);
        if (from is { } already && (already != WeightFormat.Int8 || already == options.Format && !HasRowsForPanels(source)))
            throw new CheckpointException($"'{source}' is quantised already, as {WeightScheme.NameOf(already)}; start from the original checkpoint{(already == WeightFormat.Int8 ? ", or quantise to a smaller format" : "")}.");
        var temporary = $"{Path.TrimEndingDirectorySeparator(Path.GetFullPath(target))}.{Guid.NewGuid():N}.partial";
        try
        {
            Directory.CreateDirectory(temporary);
            var result = WriteWeights(source, from, temporary, options, progress, cancellationToken);
            WriteConfig(source, temporary, options.Format);
            WriteTokenizer(source, temporary);
            Copy(s_companions, source, temporary);
            Directory.Move(temporary, target);
            return result;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"Cannot write '{target}': {e.Message}", e);
        }
        finally
        {
            if (Directory.Exists(temporary)) Directory.Delete(temporary, recursive: true);
        }
    }

    /// <summary>The format that a model folder's configuration says its weights are quantised in, or null.</summary>
    /// <exception cref="CheckpointException">The configuration names a method or format that is not known.</exception>
    public static WeightFormat? FormatOf(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var path = Path.Combine(folder, WhisperConfig.FileName);
        using var settings = SettingsFile.Open(path, "tells the model's kind and its sizes");
        if (!settings.Root.TryGetProperty(ConfigKey, out var scheme) || scheme.ValueKind == JsonValueKind.Null) return null;
        string? Text(string key) => scheme.ValueKind == JsonValueKind.Object && scheme.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        if (Text("quant_method") != Method) throw new CheckpointException($"'{path}': {ConfigKey}.quant_method is '{Text("quant_method")}'; only weights quantised by Earshot ('{Method}') are read. Use the original checkpoint and quantise it at load or with 'earshot quantize'.");
        if (Text("format") is not { } format || !WeightScheme.Names.TryGetValue(format, out var known)) throw new CheckpointException($"'{path}': {ConfigKey}.format is '{Text("format")}'; expected one of {string.Join(", ", WeightScheme.Names.Keys)}.");
        return known;
    }

    static QuantizationResult WriteWeights(string source, WeightFormat? from, string folder, QuantizationOptions options, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        using var checkpoint = SafetensorsCheckpoint.Open(source);
        ITensorStore tensors = from is { } saved ? new QuantizedTensors(checkpoint, saved) : checkpoint;
        long total = checkpoint.Names.Sum(name => checkpoint.Find(name)!.ByteLength), work = 0, done = 0;
        int quantized = 0, kept = 0;
        var writes = new List<TensorToWrite>();
        foreach (var tensor in tensors.Names.Order(StringComparer.Ordinal).Select(name => tensors.Find(name)!))
        {
            if (IsMatrix(tensor) && options.Keep?.Invoke(tensor.Name) != true)
            {
                quantized++;
                bool panels = options.Format == WeightFormat.Int8 && MatrixPanels.Fits(tensor);
                if (panels) writes.Add(new MatrixPanels(tensor).ToWrite(Report, cancellationToken));
                writes.AddRange(WeightScheme.Parts(options.Format, tensor.Shape[0], tensor.Shape[1]).Where(part => !panels || part.Suffix == WeightScheme.ScalesSuffix)
                    .Select(part => new TensorToWrite(tensor.Name + part.Suffix, part.Type, part.Shape, stream => new MatrixRows(tensor, options.Format, part.Suffix).Write(stream, Report, cancellationToken))));
            }
            else
            {
                kept++;
                writes.AddRange(AsStored(checkpoint, tensor.Name).Select(part => Kept(part, Report)));
            }
        }
        work = writes.Sum(write => write.ByteLength);
        SafetensorsWriter.Write(Path.Combine(folder, SafetensorsCheckpoint.FileName), writes, MetadataOf(writes), cancellationToken);
        return new QuantizationResult(total, work, quantized, kept) { From = from };

        void Report(long bytes)
        {
            done += bytes;
            progress?.Report((double)done / work);
        }
    }

    static Dictionary<string, string> MetadataOf(List<TensorToWrite> writes)
    {
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        if (writes.Any(write => write.Name.EndsWith(WeightScheme.PanelsSuffix, StringComparison.Ordinal))) metadata[WeightScheme.LayoutKey] = WeightScheme.LayoutVersion;
        return metadata;
    }

    static bool HasRowsForPanels(string folder)
    {
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        return checkpoint.Names.Where(name => name.EndsWith(WeightScheme.CodesSuffix, StringComparison.Ordinal)).Select(name => checkpoint.Find(name)!).Any(codes => codes.Shape.Rank == 2 && MatrixPanels.Fits(codes));
    }

    static void WriteTokenizer(string source, string target)
    {
        WhisperTokenizer tokenizer;
        try
        {
            tokenizer = WhisperTokenizer.Load(source, WhisperConfig.Load(source).VocabSize);
        }
        catch (EarshotException)
        {
            // Weights alone, or a tokenizer that is not understood: the result is no worse than the source.
            Copy(s_tokenizer, source, target);
            return;
        }
        using var stream = File.Create(Path.Combine(target, VocabularyFile.FileName));
        VocabularyFile.Write(stream, tokenizer);
    }

    static void Copy(string[] names, string source, string target)
    {
        foreach (var name in names.Where(name => File.Exists(Path.Combine(source, name)))) File.Copy(Path.Combine(source, name), Path.Combine(target, name));
    }

    // A tensor, or the parts of a quantised one.
    static IEnumerable<StoredTensor> AsStored(SafetensorsCheckpoint checkpoint, string name) =>
        checkpoint.Find(name) is { } plain ? [plain] : WeightScheme.Suffixes.Select(suffix => checkpoint.Find(name + suffix)).OfType<StoredTensor>();

    // The weights of linear layers and the token table; positions are added, not multiplied, and convolutions are small.
    static bool IsMatrix(StoredTensor tensor) =>
        tensor.Shape.Rank == 2 && tensor.Shape[1] % 2 == 0
        && tensor.Type is DType.F32 or DType.F16 or DType.BF16
        && tensor.Name.EndsWith(".weight", StringComparison.Ordinal)
        && !tensor.Name.Contains("embed_positions", StringComparison.Ordinal);

    static TensorToWrite Kept(StoredTensor tensor, Action<long> report) => new(tensor.Name, tensor.Type, tensor.Shape, stream =>
    {
        var buffer = new byte[1 << 16];
        for (long at = 0; at < tensor.ByteLength; at += buffer.Length)
        {
            var part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, tensor.ByteLength - at));
            tensor.Read(at, part);
            stream.Write(part);
            report(part.Length);
        }
    })
    { FileAlignment = tensor.Name.EndsWith(WeightScheme.PanelsSuffix, StringComparison.Ordinal) ? WeightScheme.PanelAlignment : 1 };

    static void WriteConfig(string source, string folder, WeightFormat format)
    {
        var path = Path.Combine(source, WhisperConfig.FileName);
        var config = JsonNode.Parse(File.ReadAllBytes(path)) as JsonObject ?? throw new CheckpointException($"'{path}' is not a JSON object.");
        config[ConfigKey] = new JsonObject { ["quant_method"] = Method, ["format"] = WeightScheme.NameOf(format) };
        using var stream = File.Create(Path.Combine(folder, WhisperConfig.FileName));
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        config.WriteTo(json);
    }
}
