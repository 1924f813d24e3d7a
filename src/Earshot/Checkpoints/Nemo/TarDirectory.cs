using System.Globalization;
using System.Text;

namespace Earshot.Checkpoints.Nemo;

/// <summary>
/// The files in a tar archive (POSIX 1003.1, with its extended headers and GNU's long names), where they lie. Nothing is unpacked by its
/// name; names that lead out of the archive, links and devices are refused.
/// </summary>
static class TarDirectory
{
    const int Block = 512, MaxMembers = 4096;
    const long MaxHeader = 1 << 20;
    const string Format = "a NeMo archive (tar)";

    /// <summary>The files by their names, without a leading <c>./</c>.</summary>
    /// <exception cref="CheckpointException">It is no tar, is damaged, or holds anything but files and folders.</exception>
    public static Dictionary<string, FileExtent> Read(FileExtent tar)
    {
        var members = new Dictionary<string, FileExtent>(StringComparer.Ordinal);
        var cursor = new FileCursor(tar, Format);
        string? longName = null;
        long? longSize = null;
        while (cursor.Remaining >= Block)
        {
            var header = cursor.ReadBytes(Block, "a header");
            if (!header.AsSpan().ContainsAnyExcept((byte)0)) break;
            RequireChecksum(cursor, header);
            long size = longSize ?? Number(cursor, header.AsSpan(124, 12)), start = cursor.Position;
            var name = longName ?? Name(header);
            char type = (char)header[156];
            cursor.Require(size, $"the member '{name}'");
            if (type is 'x' or 'g' or 'L')
            {
                if (size > MaxHeader) throw cursor.Damaged($"a header of {size} bytes before byte {start}");
                var text = cursor.ReadBytes(size, "a header");
                if (type == 'L') longName = Encoding.UTF8.GetString(text).TrimEnd('\0');
                else if (type == 'x') (longName, longSize) = Extended(cursor, text);
            }
            else
            {
                Add(cursor, members, (Normal(cursor, name), type), tar with { Start = start, Length = size });
                cursor.Skip(size, "a member");
                (longName, longSize) = (null, null);
            }
            // Members fill blocks; the last one's filling may be missing.
            cursor.Skip(Math.Min((Block - size % Block) % Block, cursor.Remaining), "the filling");
        }
        return members;
    }

    static void Add(FileCursor cursor, Dictionary<string, FileExtent> members, (string Name, char Type) member, FileExtent extent)
    {
        switch (member.Type)
        {
            case '5': return;
            case '0' or '\0' when members.Count >= MaxMembers: throw cursor.Damaged($"it has more than {MaxMembers} files");
            case '0' or '\0' when members.TryAdd(member.Name, extent): return;
            case '0' or '\0': throw cursor.Damaged($"it has two files '{member.Name}'");
            default:
                throw cursor.Damaged(
                    $"the member '{member.Name}' is no file (type '{member.Type}'); links and devices are refused",
                    advice: "Do not trust this archive.");
        }
    }

    static string Normal(FileCursor cursor, string name)
    {
        var normal = name.StartsWith("./", StringComparison.Ordinal) ? name[2..] : name;
        normal = normal.TrimEnd('/');
        bool leaves = normal.StartsWith('/') || normal.AsSpan().ContainsAny('\\', ':') || normal.Split('/').Contains("..");
        return leaves
            ? throw cursor.Damaged($"the member '{name}' would lie outside of the archive", advice: "Do not trust this archive.")
            : normal;
    }

    static string Name(ReadOnlySpan<byte> header)
    {
        string name = Text(header[..100]), prefix = header.Slice(257, 5).SequenceEqual("ustar"u8) ? Text(header.Slice(345, 155)) : "";
        return prefix.Length > 0 && header[263] == '0' ? $"{prefix}/{name}" : name;
    }

    static string Text(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }

    // Octal digits, or, with the highest bit set, a number of base 256.
    static long Number(FileCursor cursor, ReadOnlySpan<byte> field)
    {
        long value = 0;
        if ((field[0] & 0x80) != 0)
        {
            if (field[0] != 0x80 || field[1..4].ContainsAnyExcept((byte)0)) throw cursor.Damaged("a member's size is beyond any file");
            foreach (byte digit in field[4..]) value = (value << 8) | digit;
            return value >= 0 ? value : throw cursor.Damaged("a member's size is beyond any file");
        }
        foreach (byte digit in field.Trim(" \0"u8))
        {
            if (digit is < (byte)'0' or > (byte)'7') throw cursor.Damaged($"a member's size is '{Text(field)}'");
            value = value * 8 + digit - '0';
        }
        return value;
    }

    static void RequireChecksum(FileCursor cursor, ReadOnlySpan<byte> header)
    {
        int sum = 0;
        for (int i = 0; i < header.Length; i++) sum += i is >= 148 and < 156 ? ' ' : header[i];
        if (Number(cursor, header.Slice(148, 8)) != sum) throw cursor.Damaged($"the header before byte {cursor.Position} is damaged");
    }

    /// <summary>Name and size of the next member, where the header has them: lines of length, key and value.</summary>
    static (string? Name, long? Size) Extended(FileCursor cursor, ReadOnlySpan<byte> text)
    {
        string? name = null;
        long? size = null;
        while (!text.IsEmpty)
        {
            int space = text.IndexOf((byte)' ');
            if (space <= 0 || !int.TryParse(text[..space], NumberStyles.None, CultureInfo.InvariantCulture, out int length)
                || length <= space + 1 || length > text.Length)
            {
                throw cursor.Damaged("an extended header is damaged");
            }
            var pair = Encoding.UTF8.GetString(text[(space + 1)..length]).TrimEnd('\n').Split('=', 2);
            text = text[length..];
            if (pair is ["path", var path]) name = path;
            if (pair is ["size", var bytes])
            {
                size = long.TryParse(bytes, NumberStyles.None, CultureInfo.InvariantCulture, out long number)
                    ? number
                    : throw cursor.Damaged($"a member's size is '{bytes}'");
            }
        }
        return (name, size);
    }
}
