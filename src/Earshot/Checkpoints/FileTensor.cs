using System.Runtime.InteropServices;
using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>Where in a file something begins.</summary>
readonly record struct FileRange(MappedFile File, long Offset)
{
    /// <summary>The same place in memory.</summary>
    public (SafeBuffer Memory, long Offset) Mapped => (File.Memory, Offset);
}

/// <summary>Bytes of a file that lie one after the other.</summary>
readonly record struct FileExtent(MappedFile File, long Start, long Length)
{
    /// <summary>Some of them; whoever asks has checked that they are there.</summary>
    public FileExtent Slice(long start, long length) => new(File, Start + start, length);
}

/// <summary>A tensor of plain numbers that lie in a file one after the other.</summary>
sealed class FileTensor(string name, DType type, Shape shape, FileRange at, IReadOnlyDictionary<string, string>? metadata = null)
    : StoredTensor(name, type, shape), IMappedTensor
{
    static readonly Dictionary<string, string> s_none = [];

    public IReadOnlyDictionary<string, string> Metadata => metadata ?? s_none;

    public (SafeBuffer Memory, long Offset) Mapped => at.Mapped;

    public void ThrowIfChanged() => at.File.ThrowIfChanged();

    public override string? File => at.File.IsTemporary ? null : at.File.Path;

    public override long FileOffset => at.Offset;

    public override void Read(long offset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, ByteLength - destination.Length);
        at.File.Read(at.Offset + offset, destination);
    }
}
