namespace Earshot.Compute.Quantization.Blocks;

/// <summary>
/// One of ggml's block types, in which GGUF files and whisper.cpp's hold matrices: rows are cut into blocks of 32 or 256 values with
/// scales of their own. Layouts follow ggml's reference (ggml-quants.c).
/// </summary>
public sealed class BlockFormat
{
    public static readonly BlockFormat Q4_0 = Of<Q4_0>();
    public static readonly BlockFormat Q4_1 = Of<Q4_1>();
    public static readonly BlockFormat Q5_0 = Of<Q5_0>();
    public static readonly BlockFormat Q5_1 = Of<Q5_1>();
    public static readonly BlockFormat Q8_0 = Of<Q8_0>();
    public static readonly BlockFormat Q2_K = Of<Q2_K>();
    public static readonly BlockFormat Q3_K = Of<Q3_K>();
    public static readonly BlockFormat Q4_K = Of<Q4_K>();
    public static readonly BlockFormat Q5_K = Of<Q5_K>();
    public static readonly BlockFormat Q6_K = Of<Q6_K>();
    public static readonly BlockFormat IQ4_NL = Of<IQ4_NL>();
    public static readonly BlockFormat IQ4_XS = Of<IQ4_XS>();

    readonly Decoder _decode;

    BlockFormat(string name, int length, int bytes, Decoder decode)
    {
        Name = name;
        Length = length;
        Bytes = bytes;
        _decode = decode;
    }

    delegate void Decoder(ReadOnlySpan<byte> blocks, Span<float> values);

    /// <summary>ggml's own name, such as Q4_K.</summary>
    public string Name { get; }

    /// <summary>Values in a block: 32 or 256.</summary>
    public int Length { get; }

    /// <summary>Bytes of a block.</summary>
    public int Bytes { get; }

    /// <summary>Bits of a code, which ggml's name tells.</summary>
    internal int CodeBits => Name[Name.IndexOf('Q', StringComparison.Ordinal) + 1] - '0';

    /// <summary>Values that share a scale of their own.</summary>
    internal int ScaleLength => Name is nameof(Blocks.Q6_K) or nameof(Blocks.Q2_K) or nameof(Blocks.Q3_K) ? 16 : 32;

    /// <summary>Bits of a value, with its share of the scales.</summary>
    public double BitsPerValue => Bytes * 8.0 / Length;

    /// <summary>Bytes of so many values, which are whole blocks.</summary>
    public long BytesOf(long values) => values / Length * Bytes;

    /// <summary>The values of whole blocks, bit for bit those of ggml's reference on every machine.</summary>
    /// <exception cref="ArgumentException">The values are no whole blocks, or the bytes are not theirs.</exception>
    public void Dequantize(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        if (values.Length % Length != 0 || blocks.Length != BytesOf(values.Length))
            throw new ArgumentException(
                $"{blocks.Length} bytes are not the {Name} blocks ({Bytes} bytes of {Length} values) of {values.Length} values.",
                nameof(blocks));
        _decode(blocks, values);
    }

    public override string ToString() => Name;

    static BlockFormat Of<T>() where T : struct, IBlockLayout => new(T.Name, T.Length, T.Bytes, Decode<T>);

    static void Decode<T>(ReadOnlySpan<byte> blocks, Span<float> values) where T : struct, IBlockLayout
    {
        for (; !values.IsEmpty; blocks = blocks[T.Bytes..], values = values[T.Length..])
            T.Dequantize(blocks[..T.Bytes], values[..T.Length]);
    }
}
