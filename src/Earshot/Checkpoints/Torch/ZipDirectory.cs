using System.Buffers.Binary;
using System.Text;

namespace Earshot.Checkpoints.Torch;

/// <summary>
/// The entries of a zip whose bytes are stored as they are, so that they can be mapped: all that PyTorch writes. Zip64 is known.
/// Sizes and places are those of the central directory, checked against the file.
/// </summary>
sealed class ZipDirectory
{
    const uint EndMark = 0x06054B50, End64Mark = 0x06064B50, Locator64Mark = 0x07064B50, EntryMark = 0x02014B50, LocalMark = 0x04034B50;
    const int EndLength = 22, Locator64Length = 20, End64Length = 56, EntryLength = 46, LocalLength = 30;
    const int MaxEntries = 1 << 20;
    const int MaxDirectory = 64 << 20;
    const string Format = "a zip of PyTorch's";

    readonly FileExtent _zip;
    readonly Dictionary<string, FileExtent> _entries = new(StringComparer.Ordinal);

    ZipDirectory(FileExtent zip) => _zip = zip;

    /// <summary>Where each entry's bytes lie, by its name.</summary>
    public IReadOnlyDictionary<string, FileExtent> Entries => _entries;

    /// <exception cref="CheckpointException">It is no zip, is damaged, or holds what is compressed.</exception>
    public static ZipDirectory Read(FileExtent zip)
    {
        var directory = new ZipDirectory(zip);
        var (start, length, count) = directory.FindDirectory();
        directory.ReadEntries(directory.ReadBytes(start, length), count);
        return directory;
    }

    public static CheckpointException Damaged(FileExtent zip, string what) =>
        new FileCursor(zip with { Length = 0 }, Format).Damaged(what);

    (long Start, int Length, long Count) FindDirectory()
    {
        int tail = (int)Math.Min(_zip.Length, EndLength + ushort.MaxValue);
        var bytes = ReadBytes(_zip.Length - tail, tail);
        int at = bytes.Length - EndLength;
        while (at >= 0 && BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at)) != EndMark) at--;
        if (at < 0) throw Damaged(_zip, "it has no directory at its end");
        var end = bytes.AsSpan(at);
        long count = Word(end, 10), length = DoubleWord(end, 12), start = DoubleWord(end, 16), place = _zip.Length - tail + at;
        if (count == ushort.MaxValue || length == uint.MaxValue || start == uint.MaxValue) (count, length, start, place) = Find64(place);
        if (count > MaxEntries || length > MaxDirectory) throw Damaged(_zip, $"its directory claims {count} entries in {length} bytes");
        if (start < 0 || length < 0 || start > place - length || count * EntryLength > length)
            throw Damaged(_zip, $"its directory of {length} bytes for {count} entries at byte {start} is not in the file");
        return (start, (int)length, count);
    }

    (long Count, long Length, long Start, long Place) Find64(long place)
    {
        if (place < Locator64Length) throw Damaged(_zip, "its larger directory is missing");
        var locator = ReadBytes(place - Locator64Length, Locator64Length);
        if (DoubleWord(locator, 0) != Locator64Mark) throw Damaged(_zip, "its larger directory is missing");
        long at = BinaryPrimitives.ReadInt64LittleEndian(locator.AsSpan(8));
        if (at < 0 || at > place - Locator64Length - End64Length)
            throw Damaged(_zip, $"its larger directory at byte {at} is not in the file");
        var end = ReadBytes(at, End64Length);
        if (DoubleWord(end, 0) != End64Mark) throw Damaged(_zip, "its larger directory is missing");
        long Number(int offset) => BinaryPrimitives.ReadInt64LittleEndian(end.AsSpan(offset));
        return Number(32) is var count and >= 0 and <= MaxEntries
            ? (count, Number(40), Number(48), at)
            : throw Damaged(_zip, $"its directory claims {(ulong)Number(32)} entries");
    }

    void ReadEntries(ReadOnlySpan<byte> directory, long count)
    {
        for (long i = 0; i < count; i++)
        {
            if (directory.Length < EntryLength || DoubleWord(directory, 0) != EntryMark)
                throw Damaged(_zip, $"the entry {i} of its directory is damaged");
            int nameLength = Word(directory, 28), extraLength = Word(directory, 30), whole = EntryLength + nameLength + extraLength
                + Word(directory, 32);
            if (whole > directory.Length) throw Damaged(_zip, $"the entry {i} of its directory is damaged");
            var name = Encoding.UTF8.GetString(directory.Slice(EntryLength, nameLength));
            var place = PlaceOf(directory, directory.Slice(EntryLength + nameLength, extraLength), name);
            if (!_entries.TryAdd(name, place)) throw Damaged(_zip, $"it has two entries '{name}'");
            directory = directory[whole..];
        }
    }

    FileExtent PlaceOf(ReadOnlySpan<byte> entry, ReadOnlySpan<byte> extra, string name)
    {
        if ((Word(entry, 8) & 1) != 0) throw Damaged(_zip, $"the entry '{name}' is encrypted");
        if (Word(entry, 10) is not 0 and var method)
            throw Damaged(_zip, $"the entry '{name}' is compressed (method {method}); PyTorch stores all as they are");
        long packed = DoubleWord(entry, 20), size = DoubleWord(entry, 24), local = DoubleWord(entry, 42);
        Read64(extra, ref size, ref packed, ref local);
        if (size != packed || size < 0 || local < 0 || local > _zip.Length - LocalLength)
            throw Damaged(_zip, $"the entry '{name}' has {packed} bytes for {size}, at byte {local}");
        // The local header may be padded otherwise than the directory says.
        var header = ReadBytes(local, LocalLength);
        if (DoubleWord(header, 0) != LocalMark) throw Damaged(_zip, $"the entry '{name}' does not begin at byte {local}");
        long start = local + LocalLength + Word(header, 26) + Word(header, 28);
        return start <= _zip.Length - size
            ? _zip.Slice(start, size)
            : throw Damaged(_zip, $"the entry '{name}' of {size} bytes at byte {start} reaches beyond the file");
    }

    // Extra field 1: those of size, packed size and place that did not fit, in this order.
    static void Read64(ReadOnlySpan<byte> extra, ref long size, ref long packed, ref long local)
    {
        while (extra.Length >= 4)
        {
            int id = Word(extra, 0), length = Math.Min(Word(extra, 2), extra.Length - 4);
            var field = extra.Slice(4, length);
            extra = extra[(4 + length)..];
            if (id != 1) continue;
            Take(ref field, ref size);
            Take(ref field, ref packed);
            Take(ref field, ref local);
            return;
        }

        static void Take(ref ReadOnlySpan<byte> field, ref long value)
        {
            if (value != uint.MaxValue || field.Length < 8) return;
            value = BinaryPrimitives.ReadInt64LittleEndian(field);
            field = field[8..];
        }
    }

    static int Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    static long DoubleWord(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    byte[] ReadBytes(long start, int length)
    {
        var bytes = new byte[length];
        _zip.File.Read(_zip.Start + start, bytes);
        return bytes;
    }
}
