using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>
/// A quantised checkpoint seen as any other: each quantised matrix appears under its own name as float32, dequantised as it
/// is read. Whoever computes in the same format reads the saved rows themselves (<see cref="IQuantizedRows"/>).
/// </summary>
public sealed class QuantizedTensors : ITensorStore
{
    readonly ITensorStore _stored;
    readonly Dictionary<string, QuantizedMatrix> _quantized = new(StringComparer.Ordinal);
    readonly HashSet<string> _names;

    /// <exception cref="CheckpointException">A part of a quantised matrix is missing, or parts disagree.</exception>
    public QuantizedTensors(ITensorStore stored, WeightFormat format)
    {
        ArgumentNullException.ThrowIfNull(stored);
        _stored = stored;
        Format = format;
        _names = [.. stored.Names];
        foreach (var codes in stored.Names.Where(name => name.EndsWith(WeightScheme.CodesSuffix, StringComparison.Ordinal)))
        {
            var name = codes[..^WeightScheme.CodesSuffix.Length];
            // A model that was int8 first may have kept some matrices so.
            var own = stored.Find(codes)!.Type == DType.I8 || format.Bits == 8 ? WeightFormat.Int8 : format;
            var parts = Parts(name, own);
            var shape = ShapeOf(name, own, parts);
            var outliers = SavedOutliers.Open(name, shape, stored);
            if (outliers is not null && own != WeightFormat.Int8)
            {
                throw new CheckpointException(
                    $"{Location}: '{name}' keeps columns beside codes of {own}; only int8 matrices do. Quantise the model again.");
            }
            Add(name, new QuantizedTensor(name, shape, (own, outliers), parts));
        }
        foreach (var panels in stored.Names.Where(name => name.EndsWith(WeightScheme.PanelsSuffix, StringComparison.Ordinal)))
            AddPanels(panels[..^WeightScheme.PanelsSuffix.Length]);
    }

    /// <summary>The format of the quantised matrices but for those that are int8 in a model of another.</summary>
    public WeightFormat Format { get; }

    public string Location => _stored.Location;

    public IReadOnlyCollection<string> Names => _names;

    /// <summary>Whether a tensor is one of the quantised ones.</summary>
    public bool IsQuantized(string name) => _quantized.ContainsKey(name);

    /// <summary>The format that a tensor is quantised in, or null where it is not.</summary>
    public WeightFormat? FormatOf(string name) => _quantized.TryGetValue(name, out var tensor) ? tensor.Format : null;

    public StoredTensor? Find(string name) =>
        _quantized.TryGetValue(name, out var tensor) ? tensor : _names.Contains(name) ? _stored.Find(name) : null;

    void AddPanels(string name)
    {
        var panels = _stored.Find(name + WeightScheme.PanelsSuffix)!;
        if (panels is not IMappedTensor { Metadata: var metadata })
            throw new CheckpointException($"{Location}: '{panels.Name}' holds panels, which are read from mapped files only.");
        if (metadata.GetValueOrDefault(WeightScheme.LayoutKey) is var version && version != WeightScheme.LayoutVersion)
            throw new CheckpointException(
                $"{Location}: its panels are of layout '{version ?? "(none)"}'; this version of Earshot reads " +
                $"'{WeightScheme.LayoutVersion}'. Quantise the model again with this version, or use the version that wrote it.");
        if (_quantized.ContainsKey(name))
            throw new CheckpointException($"{Location}: '{name}' is there twice, as rows and as panels. Quantise the model again.");
        Add(name, PanelledTensor.Open(name, _stored, panels));
    }

    void Add(string name, QuantizedMatrix matrix)
    {
        _quantized[name] = matrix;
        foreach (var suffix in WeightScheme.Suffixes) _names.Remove(name + suffix);
        _names.Add(name);
    }

    Dictionary<string, StoredTensor> Parts(string name, WeightFormat format)
    {
        // Suffixes and types do not depend on the sizes.
        return WeightScheme.Parts(format, 1, 1).ToDictionary(part => part.Suffix, part =>
        {
            var stored = _stored.Find(name + part.Suffix) ?? throw new CheckpointException(
                $"{Location}: '{name}{part.Suffix}' is missing; a matrix saved as {format} has it beside " +
                $"'{name}{WeightScheme.CodesSuffix}'. Quantise the model again.");
            if (stored.Type != part.Type || stored.Shape.Rank != part.Shape.Rank)
            {
                throw new CheckpointException(
                    $"{Location}: '{stored.Name}' is {stored.Type} {stored.Shape}; a matrix saved as {format} has {part.Type} of rank " +
                    $"{part.Shape.Rank} there.");
            }
            return stored;
        });
    }

    // Of int4 and nf4 only half the columns' number is in the codes' shape; matrices of odd width are not saved quantised.
    Shape ShapeOf(string name, WeightFormat format, Dictionary<string, StoredTensor> parts)
    {
        var codes = parts[WeightScheme.CodesSuffix].Shape;
        long columns = format.Bits == 8 ? codes[1] : 2L * codes[1];
        if (columns > Array.MaxLength)
        {
            throw new CheckpointException(
                $"{Location}: '{name}{WeightScheme.CodesSuffix}' has shape {codes}, rows of {columns:N0} values; " +
                $"a row has at most {Array.MaxLength:N0}. Quantise the model again.");
        }
        var shape = new Shape(codes[0], (int)columns);
        foreach (var (suffix, _, expected) in WeightScheme.Parts(format, shape[0], shape[1]))
        {
            if (parts[suffix].Shape != expected)
            {
                throw new CheckpointException(
                    $"{Location}: '{name}{suffix}' has shape {parts[suffix].Shape}, expected {expected} beside codes of {codes}. " +
                    "Quantise the model again.");
            }
        }
        return shape;
    }

    sealed class QuantizedTensor(
        string name, Shape shape, (WeightFormat Codes, SavedOutliers? Outliers) format, Dictionary<string, StoredTensor> parts)
        : QuantizedMatrix(name, shape, format.Codes, format.Outliers)
    {
        protected override void ReadCodes(int row, QuantizedRow destination)
        {
            foreach (var (suffix, part) in parts)
            {
                var bytes = WeightScheme.PartOf(destination, suffix);
                part.Read((long)row * bytes.Length, bytes);
            }
            var scales = parts[WeightScheme.ScalesSuffix];
            if (Format.Group == 0 || Format.Scheme == NumberScheme.NormalFloat)
            {
                foreach (float scale in MemoryMarshal.Cast<byte, float>(destination.Scales)) CheckScale(scale, row, scales);
            }
            else
            {
                foreach (var scale in destination.Int4Scales) CheckScale((float)scale, row, scales);
            }
        }
    }
}
