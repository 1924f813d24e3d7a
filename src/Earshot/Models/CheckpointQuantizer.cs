using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Measuring;
using Earshot.Compute.Quantization;
using Earshot.Tokenizers;

namespace Earshot.Models;

/// <summary>How a checkpoint is quantised.</summary>
public sealed record QuantizationOptions
{
    /// <summary>One of <see cref="WeightScheme.Formats"/>.</summary>
    public required WeightFormat Format { get; init; }

    /// <summary>
    /// Where columns that stand out are kept (<see cref="WeightFormat.Int8Outliers"/>): how many times the median column's root mean
    /// square theirs is at least.
    /// </summary>
    public double OutlierThreshold { get; init; } = OutlierColumns.DefaultThreshold;

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
    /// <summary>
    /// The format that the source was quantised in, whose rounding the result has too; null for a source of plain numbers.
    /// </summary>
    public WeightFormat? From { get; init; }

    /// <summary>Columns that are kept as they are, of all matrices.</summary>
    public int KeptColumns { get; init; }

    /// <summary>Matrices that keep some.</summary>
    public int MatricesWithKeptColumns { get; init; }
}

/// <summary>Writes a model folder whose matrices are quantised: a safetensors file, with the scheme in <c>config.json</c>.</summary>
public static class CheckpointQuantizer
{

    // What files beside the weights end in that say what a model is and how it is used; licences and notices have no ending.
    static readonly string[] s_companions = [".json", ".txt", ".model", ".tiktoken", ".jinja"];

    // What a compact tokenizer takes the place of.
    static readonly string[] s_tokenizer =
    [
        "tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json",
    ];

    /// <summary>
    /// Quantises the model of a folder into another folder, which is written beside and then renamed. An int8 source may go on to
    /// four bits: its values are what is quantised, and matrices that are kept stay int8; or be written anew in panels with the same
    /// values, where it lies in rows. A result in which no column stands out is plain int8. The tokenizer becomes a compact file where
    /// there is one of its kind; what else says how the model is used is copied.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The threshold of columns that stand out is not above 1.</exception>
    /// <exception cref="CheckpointException">The source is no model, or is quantised in this way or to four bits already, or the target
    /// exists.</exception>
    public static QuantizationResult Run(
        string source, string target, QuantizationOptions options, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        ArgumentException.ThrowIfNullOrEmpty(target);
        ArgumentNullException.ThrowIfNull(options);
        WeightScheme.Check(options.Format);
        OutlierColumns.CheckThreshold(options.OutlierThreshold);
        if (Path.Exists(target))
            throw new CheckpointException($"'{target}' exists already; name a folder that does not, or remove it first.");
        var opened = new ModelFolder(source);
        if (opened.Container == ModelContainer.Gguf)
            throw new CheckpointException(
                $"'{source}' is a GGUF file, which has formats of its own and is computed as it is. " +
                "Quantise the folder that it was made from, in Hugging Face's format.");
        var model = ModelFamilies.Open(opened);
        var from = opened.Quantization;
        if (from is { } already
            && (already.Bits < 8 || options.Format.Bits == 8 && !(already == options.Format && HasRowsForPanels(source))))
            throw new CheckpointException(
                $"'{source}' is quantised already, as {already}; start from the original " +
                $"checkpoint{(already.Bits == 8 ? ", or quantise to a smaller format" : "")}.");
        var temporary = $"{Path.TrimEndingDirectorySeparator(Path.GetFullPath(target))}.{Guid.NewGuid():N}.partial";
        try
        {
            Directory.CreateDirectory(temporary);
            var result = WriteWeights(model, (source, from), temporary, options, progress, cancellationToken);
            var written = options.Format.KeepsOutliers && result.KeptColumns == 0 ? WeightFormat.Int8 : options.Format;
            bool compact = model.Tokenizer?.TryWriteCompact(temporary) == true;
            if (opened.Container == ModelContainer.HuggingFace)
            {
                WriteConfig(opened.ConfigPath, File.ReadAllBytes(opened.ConfigPath), temporary, written);
                CopyCompanions(source, temporary, compact);
            }
            else
            {
                foreach (var (name, text) in model.Files) File.WriteAllText(Path.Combine(temporary, name), text);
                WriteConfig(source, Encoding.UTF8.GetBytes(model.Files[ModelFolder.ConfigName]), temporary, written);
            }
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

    static QuantizationResult WriteWeights(
        SpeechModel model, (string Folder, WeightFormat? Format) source, string folder, QuantizationOptions options,
        IProgress<double>? progress, CancellationToken cancellationToken)
    {
        bool isContainer = new ModelFolder(source.Folder).IsWhisperContainer;
        ITensorStore checkpoint = isContainer ? WhisperContainer.Open(source.Folder) : WeightFiles.Open(source.Folder);
        using var owner = (IDisposable)checkpoint;
        var tensors = source.Format is { } saved ? new QuantizedTensors(checkpoint, saved) : checkpoint;
        var matrices = MatricesOf(model, tensors);
        long total = checkpoint.Names.Sum(name => checkpoint.Find(name)!.ByteLength), work = 0, done = 0;
        int quantized = 0, kept = 0, keptColumns = 0, withKeptColumns = 0;
        var writes = new List<TensorToWrite>();
        foreach (var tensor in tensors.Names.Order(StringComparer.Ordinal).Select(name => tensors.Find(name)!))
        {
            if (matrices.Contains(tensor.Name) && options.Keep?.Invoke(tensor.Name) != true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                quantized++;
                var outliers = options.Format.KeepsOutliers ? OutlierColumns.Of(tensor, options.OutlierThreshold) : null;
                writes.AddRange(Quantized(tensor, options.Format, outliers, Report, cancellationToken));
                if (outliers is null) continue;
                writes.AddRange(new KeptColumns(tensor, outliers).ToWrite(Report));
                keptColumns += outliers.Count;
                withKeptColumns++;
            }
            else
            {
                kept++;
                writes.AddRange(AsStored(checkpoint, tensor.Name).Select(part => Kept(part, Report)));
            }
        }
        work = writes.Sum(write => write.ByteLength);
        SafetensorsWriter.Write(Path.Combine(folder, SafetensorsCheckpoint.FileName), writes, MetadataOf(writes), cancellationToken);
        return new QuantizationResult(total, work, quantized, kept)
        {
            From = source.Format,
            KeptColumns = keptColumns,
            MatricesWithKeptColumns = withKeptColumns,
        };

        void Report(long bytes)
        {
            done += bytes;
            progress?.Report((double)done / work);
        }
    }

    // Codes and scales.
    static IEnumerable<TensorToWrite> Quantized(
        StoredTensor matrix, WeightFormat format, OutlierColumns? outliers, Action<long> report, CancellationToken cancellationToken)
    {
        bool panels = format.Bits == 8 && MatrixPanels.Fits(matrix);
        if (panels) yield return new MatrixPanels(matrix, outliers).ToWrite(report, cancellationToken);
        var codes = format.KeepsOutliers ? WeightFormat.Int8 : format;
        foreach (var part in WeightScheme.Parts(format, matrix.Shape[0], matrix.Shape[1]))
        {
            if (panels && part.Suffix != WeightScheme.ScalesSuffix) continue;
            yield return new TensorToWrite(
                matrix.Name + part.Suffix, part.Type, part.Shape,
                stream => new MatrixRows(matrix, codes, part.Suffix, outliers).Write(stream, report, cancellationToken));
        }
    }

    static Dictionary<string, string> MetadataOf(List<TensorToWrite> writes)
    {
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        if (writes.Any(write => write.Name.EndsWith(WeightScheme.PanelsSuffix, StringComparison.Ordinal)))
            metadata[WeightScheme.LayoutKey] = WeightScheme.LayoutVersion;
        return metadata;
    }

    static bool HasRowsForPanels(string folder)
    {
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        return checkpoint.Names.Where(name => name.EndsWith(WeightScheme.CodesSuffix, StringComparison.Ordinal))
            .Select(name => checkpoint.Find(name)!).Any(codes => codes.Shape.Rank == 2 && MatrixPanels.Fits(codes));
    }

    static void CopyCompanions(string source, string target, bool compact)
    {
        foreach (var path in Directory.EnumerateFiles(source))
        {
            var name = Path.GetFileName(path);
            bool isLicence = name.StartsWith("LICENSE", StringComparison.Ordinal) || name.StartsWith("NOTICE", StringComparison.Ordinal);
            bool isCompanion = isLicence || s_companions.Contains(Path.GetExtension(name)) || name == VocabularyFile.FileName;
            // A language's adapter is small, and stays as it is.
            isCompanion |= name.StartsWith("adapter.", StringComparison.Ordinal) && name.EndsWith(".safetensors", StringComparison.Ordinal);
            // The configuration and the compact tokenizer are written anew; indices and manifests are of other weights.
            bool isOther = name is ModelFolder.ConfigName or ModelFolder.ExportName
                || name.EndsWith(".index.json", StringComparison.Ordinal);
            bool isReplaced = compact
                && (s_tokenizer.Contains(name) || name == VocabularyFile.FileName || name.EndsWith(".tiktoken", StringComparison.Ordinal));
            if (isCompanion && !isOther && !isReplaced) File.Copy(path, Path.Combine(target, name));
        }
    }

    // A tensor, or the parts of a quantised one.
    static IEnumerable<StoredTensor> AsStored(ITensorStore checkpoint, string name) =>
        checkpoint.Find(name) is { } plain
            ? [plain]
            : WeightScheme.Suffixes.Select(suffix => checkpoint.Find(name + suffix)).OfType<StoredTensor>();

    // What the model multiplies by and looks tokens up in, where it reads it as the file has it, in rows of an even width.
    static HashSet<string> MatricesOf(SpeechModel model, ITensorStore tensors)
    {
        var tracked = new TrackedTensors(tensors);
        var matrices = new ModelCosts(model.Parts, model.Prepare(tracked)).Matrices()
            .Where(matrix =>
                tracked.IsAsStored(matrix) && matrix.Shape[1] % 2 == 0 && matrix.Stored.Type is DType.F32 or DType.F16 or DType.BF16)
            .Select(matrix => matrix.Name).ToHashSet(StringComparer.Ordinal);
        return matrices.Count > 0
            ? matrices
            : throw new ModelException(
                $"'{model.Info.Name}' has no matrix to quantise: its weights are convolutions, " +
                "or are changed before they are computed with. Use it as it is.");
    }

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

    static void WriteConfig(string path, byte[] content, string folder, WeightFormat format)
    {
        var config = JsonNode.Parse(content) as JsonObject
            ?? throw new CheckpointException($"'{path}' is not a JSON object.");
        config[SavedFormat.ConfigKey] = new JsonObject { ["quant_method"] = SavedFormat.Method, ["format"] = format.Name };
        using var stream = File.Create(Path.Combine(folder, ModelFolder.ConfigName));
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        config.WriteTo(json);
    }
}
