using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Cpu;

namespace Earshot.Checkpoints;

/// <summary>
/// A quantised checkpoint seen as any other: each quantised matrix appears under its own name as float32, dequantised as it
/// is read. Packing it in the same format gives the saved codes again.
/// </summary>
public sealed class QuantizedTensors : ITensorStore
{
    readonly ITensorStore _stored;
    readonly Dictionary<string, StoredTensor> _quantized = new(StringComparer.Ordinal);
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
            var parts = Parts(name);
            _quantized[name] = new DequantizedTensor(name, ShapeOf(name, parts), format, parts);
            foreach (var suffix in parts.Keys) _names.Remove(name + suffix);
            _names.Add(name);
        }
    }

    /// <summary>The format of the quantised matrices.</summary>
    public WeightFormat Format { get; }

    public string Location => _stored.Location;

    public IReadOnlyCollection<string> Names => _names;

    /// <summary>Whether a tensor is one of the quantised ones.</summary>
    public bool IsQuantized(string name) => _quantized.ContainsKey(name);

    public StoredTensor? Find(string name) =>
        _quantized.TryGetValue(name, out var tensor) ? tensor : _names.Contains(name) ? _stored.Find(name) : null;

    Dictionary<string, StoredTensor> Parts(string name)
    {
        // Suffixes and types do not depend on the sizes.
        return WeightScheme.Parts(Format, 1, 1).ToDictionary(part => part.Suffix, part =>
        {
            var stored = _stored.Find(name + part.Suffix) ?? throw new CheckpointException($"{Location}: '{name}{part.Suffix}' is missing; a matrix saved as {WeightScheme.NameOf(Format)} has it beside '{name}{WeightScheme.CodesSuffix}'. Quantise the model again.");
            if (stored.Type != part.Type || stored.Shape.Rank != part.Shape.Rank) throw new CheckpointException($"{Location}: '{stored.Name}' is {stored.Type} {stored.Shape}; a matrix saved as {WeightScheme.NameOf(Format)} has {part.Type} of rank {part.Shape.Rank} there.");
            return stored;
        });
    }

    // Of int4 and nf4 only half the columns' number is in the codes' shape; matrices of odd width are not saved quantised.
    Shape ShapeOf(string name, Dictionary<string, StoredTensor> parts)
    {
        var codes = parts[WeightScheme.CodesSuffix].Shape;
        var shape = new Shape(codes[0], Format == WeightFormat.Int8 ? codes[1] : checked(codes[1] * 2));
        foreach (var (suffix, _, expected) in WeightScheme.Parts(Format, shape[0], shape[1]))
        {
            if (parts[suffix].Shape != expected) throw new CheckpointException($"{Location}: '{name}{suffix}' has shape {parts[suffix].Shape}, expected {expected} beside codes of {codes}. Quantise the model again.");
        }
        return shape;
    }

    sealed class DequantizedTensor(string name, Shape shape, WeightFormat format, Dictionary<string, StoredTensor> parts) : StoredTensor(name, DType.F32, shape)
    {
        [ThreadStatic]
        static (QuantizedRow? Row, WeightFormat Format, float[] Values) s_buffers;

        public override void Read(long offset, Span<byte> destination)
        {
            var floats = MemoryMarshal.Cast<byte, float>(destination);
            if (offset % sizeof(float) != 0 || destination.Length % sizeof(float) != 0) throw new CheckpointException($"{Name}: quantised weights are read in whole elements; got offset {offset}, {destination.Length} bytes.");
            int columns = Shape[1];
            var (row, values) = Buffers(columns);
            for (long element = offset / sizeof(float); floats.Length > 0;)
            {
                long index = element / columns;
                int first = (int)(element % columns), count = Math.Min(columns - first, floats.Length);
                foreach (var (suffix, part) in parts)
                {
                    var bytes = row.Part(suffix);
                    part.Read(index * bytes.Length, bytes);
                }
                row.Dequantize(values);
                values.AsSpan(first, count).CopyTo(floats);
                floats = floats[count..];
                element += count;
            }
        }

        (QuantizedRow Row, float[] Values) Buffers(int columns)
        {
            if (s_buffers.Row is null || s_buffers.Format != format || s_buffers.Values.Length != columns)
                s_buffers = (new QuantizedRow(format, columns), format, new float[columns]);
            return (s_buffers.Row, s_buffers.Values);
        }
    }
}
