using System.Runtime.InteropServices;
using System.Text;

namespace Earshot.Onnx.Native;

/// <summary>Text as C wants it: zero-terminated, where it does not move.</summary>
static class NativeText
{
    /// <summary>UTF-8 with a final zero, in an array that the collector does not move.</summary>
    public static byte[] Utf8(string text)
    {
        var bytes = GC.AllocateArray<byte>(Encoding.UTF8.GetByteCount(text) + 1, pinned: true);
        Encoding.UTF8.GetBytes(text, bytes);
        return bytes;
    }

    /// <summary>A path as the runtime's ORTCHAR_T: UTF-16 on Windows, UTF-8 elsewhere.</summary>
    public static byte[] Path(string path)
    {
        if (!OperatingSystem.IsWindows()) return Utf8(path);
        var bytes = GC.AllocateArray<byte>((path.Length + 1) * 2, pinned: true);
        MemoryMarshal.AsBytes(path.AsSpan()).CopyTo(bytes);
        return bytes;
    }
}

/// <summary>Keys and values as two C arrays of texts.</summary>
sealed unsafe class NativeTexts
{
    readonly List<byte[]> _texts = [];
    readonly nint[] _keys;
    readonly nint[] _values;

    public NativeTexts(IReadOnlyCollection<KeyValuePair<string, string>> entries)
    {
        Count = (nuint)entries.Count;
        _keys = GC.AllocateArray<nint>(Math.Max(1, entries.Count), pinned: true);
        _values = GC.AllocateArray<nint>(Math.Max(1, entries.Count), pinned: true);
        int i = 0;
        foreach (var (key, value) in entries)
        {
            _keys[i] = Add(key);
            _values[i++] = Add(value);
        }
    }

    public nuint Count { get; }

    public byte** Keys => (byte**)Marshal.UnsafeAddrOfPinnedArrayElement(_keys, 0);

    public byte** Values => (byte**)Marshal.UnsafeAddrOfPinnedArrayElement(_values, 0);

    nint Add(string text)
    {
        var bytes = NativeText.Utf8(text);
        _texts.Add(bytes);
        return Marshal.UnsafeAddrOfPinnedArrayElement(bytes, 0);
    }
}
