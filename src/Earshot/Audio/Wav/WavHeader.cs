using System.Buffers.Binary;

namespace Earshot.Audio;

/// <summary>
/// All that stands before a WAV file's samples, in any of its outer forms: RIFF, RIFX (big-endian), RF64 and BW64.
/// </summary>
/// <param name="Tag">The format's code, of the sub-format where the header is extensible; -1 for a sub-format without one.</param>
/// <param name="Format">How the samples are stored; null where this code is not read here.</param>
/// <param name="DataSize">What the header says of the samples' size in bytes; 0 and 0xFFFFFFFF where it was never filled in.</param>
internal sealed record WavHeader(int Tag, WavFormat? Format, long DataSize)
{
    public const uint UnknownSize = uint.MaxValue;
    const int MaxFormatBytes = 40;

    // The chunks that may follow one whose size is odd, where a writer left out the byte that makes it even.
    static readonly string[] KnownChunks =
    [
        "data", "fmt ", "LIST", "fact", "bext", "cue ", "JUNK", "junk", "smpl", "PEAK", "id3 ", "ID3 ", "inst", "iXML", "note", "labl",
        "PAD ", "FLLR",
    ];

    /// <summary>Reads up to the first sample.</summary>
    public static WavHeader Read(ByteSource source) => new Parser(source).Read();

    /// <summary>Whether a chunk that is known begins here.</summary>
    public static bool IsKnownChunk(ReadOnlySpan<byte> at)
    {
        if (at.Length < 4) return false;
        foreach (var id in KnownChunks)
        {
            if (id[0] == at[0] && id[1] == at[1] && id[2] == at[2] && id[3] == at[3]) return true;
        }
        return false;
    }

    ref struct Parser(ByteSource source)
    {
        bool _bigEndian;

        public WavHeader Read()
        {
            var dataSize64 = ReadRiff();
            (int Tag, WavFormat? Format)? format = null;
            Span<byte> header = stackalloc byte[8];
            while (true)
            {
                ReadAll(header, format is null ? "format chunk" : "data chunk");
                long size = UInt32(header[4..]);
                if (header.StartsWith("data"u8))
                {
                    if (format is not { } found)
                    {
                        throw new AudioFormatException(
                            $"'{source.Name}': the WAV data chunk at byte {source.Position - 8} comes before any format chunk. " +
                            "The header is damaged: export the file again.");
                    }
                    return new WavHeader(found.Tag, found.Format, size == UnknownSize && dataSize64 is { } large ? large : size);
                }
                if (header.StartsWith("fmt "u8)) format = ReadFormat(size);
                else SkipRest(size, size, "chunk before the data");
            }
        }

        readonly uint UInt32(ReadOnlySpan<byte> bytes) =>
            _bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);

        /// <summary>Reads the outer header and, for RF64 and BW64, the 64-bit data size of the <c>ds64</c> chunk.</summary>
        long? ReadRiff()
        {
            Span<byte> header = stackalloc byte[12];
            ReadAll(header, "RIFF header");
            var large = header.StartsWith("RF64"u8) || header.StartsWith("BW64"u8);
            _bigEndian = header.StartsWith("RIFX"u8);
            if ((!large && !_bigEndian && !header.StartsWith("RIFF"u8)) || !header[8..].SequenceEqual("WAVE"u8))
                throw new AudioFormatException(
                    $"'{source.Name}': not a WAV file (it begins {Convert.ToHexString(header)}); " +
                    "expected RIFF, RIFX, RF64 or BW64 and WAVE.");
            if (!large || !source.Peek(4).SequenceEqual("ds64"u8)) return null;

            Span<byte> ds64 = stackalloc byte[8 + 24];
            ReadAll(ds64, "ds64 chunk");
            long size = UInt32(ds64[4..]);
            if (size < 24)
            {
                throw new AudioFormatException(
                    $"'{source.Name}': the ds64 chunk has {size} bytes; expected at least 24. " +
                    "The header is damaged: export the file again.");
            }
            SkipRest(size - 24, size, "ds64 chunk");
            var dataSize = BinaryPrimitives.ReadUInt64LittleEndian(ds64[16..]);
            return dataSize > long.MaxValue ? long.MaxValue : (long)dataSize;
        }

        readonly (int Tag, WavFormat? Format) ReadFormat(long size)
        {
            Span<byte> chunk = stackalloc byte[(int)Math.Min(size, MaxFormatBytes)];
            ReadAll(chunk, "format chunk");
            SkipRest(size - chunk.Length, size, "format chunk");
            return WavFormat.Parse(chunk, _bigEndian, source.Name);
        }

        readonly void ReadAll(Span<byte> destination, string what)
        {
            var at = source.Position;
            var read = source.Read(destination);
            if (read < destination.Length) throw Truncated(what, at, destination.Length, read);
        }

        /// <summary>Passes over the last <paramref name="count"/> bytes of a chunk and the byte that makes its size even.</summary>
        readonly void SkipRest(long count, long size, string what)
        {
            var at = source.Position;
            var skipped = source.Skip(count);
            if (skipped < count) throw Truncated(what, at, count, skipped);
            if ((size & 1) == 0) return;
            // Some writers leave it out: the next chunk then begins at once.
            var next = source.Peek(5);
            var padded = next.Length == 5 && IsKnownChunk(next[1..]);
            if (padded || !IsKnownChunk(next)) source.Skip(1);
        }

        readonly AudioFormatException Truncated(string what, long at, long expected, long got) =>
            new(
                $"'{source.Name}': the WAV file ends inside its {what} at byte {at}: expected {expected} bytes, got {got}. " +
                "The file is truncated: copy or record it again.");
    }
}
