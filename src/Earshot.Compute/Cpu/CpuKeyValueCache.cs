using System.Runtime.InteropServices;

namespace Earshot.Compute.Cpu;

/// <summary>
/// Keys and values of one layer, by pages: a page's memory is taken when it is first written and is kept for the next page,
/// as long as little more is held than rows have.
/// </summary>
internal sealed unsafe class CpuKeyValueCache : KeyValueCache
{
    /// <summary>Unused pages whose memory is kept: this many, or one for so many that are used.</summary>
    const int SparePages = 3;
    const int UsedPerSpare = 32;

    readonly PageTable _pages;
    readonly int _width;
    byte** _memory;
    int _held;

    public CpuKeyValueCache(PageTable pages, int width, Heads heads, KeyValueFormat format)
    {
        ArgumentNullException.ThrowIfNull(pages);
        if (heads.KeyValue < 1 || width < 1 || width % heads.KeyValue != 0)
        {
            throw new ModelException(
                $"A cache of width {width} cannot have {heads.KeyValue} key heads; expected a multiple of them.");
        }
        _pages = pages;
        _width = width;
        Layout = new PageLayout(heads.KeyValue, width / heads.KeyValue, format);
        _memory = (byte**)NativeMemory.AllocZeroed((nuint)pages.Pages, (nuint)sizeof(byte*));
    }

    ~CpuKeyValueCache() => Dispose(false);

    public PageLayout Layout { get; }

    public override long Bytes => (long)_held * Layout.Bytes;

    /// <summary>Checks that a call's operands are of this cache's sizes.</summary>
    public void Require(Tensor query, Tensor key, Tensor value, Heads heads)
    {
        bool keysFit = heads.KeyValue == Layout.Heads && key.Shape[^1] == _width && value.Shape[^1] == _width;
        bool queriesFit = heads.Query % Layout.Heads == 0 && query.Shape[^1] == heads.Query * Layout.Size;
        if (!keysFit || !queriesFit)
        {
            throw new ModelException(
                $"Queries {query.Shape} of {heads.Query} heads, keys {key.Shape} and values {value.Shape} of {heads.KeyValue} do not " +
                $"fit a cache of {Layout.Heads} key heads of {Layout.Size}.");
        }
    }

    /// <summary>Where a page that holds positions is.</summary>
    public byte* Page(int page) => _memory[page];

    /// <summary>A row's pages, which must reach over <paramref name="length"/> positions.</summary>
    public ReadOnlySpan<int> PagesOf(int row, int length)
    {
        int most = _pages.Length(row);
        return length <= most ? _pages.PagesOf(row) : throw new ModelException(
            $"Row {row} has room for {most} positions, {length} are needed; grow it in its page table before the step.");
    }

    /// <summary>The page of a row's position, to be written.</summary>
    public byte* Claim(int row, int position)
    {
        int page = PagesOf(row, position + 1)[position / PageTable.PagePositions];
        if (_pages.IsShared(page))
        {
            throw new ModelException(
                $"Position {position} of row {row} is in a page that other rows have too; truncate the row to it and let it grow " +
                "before the step.");
        }
        return Hold(page);
    }

    public override void CopyPage(PageCopy copy)
    {
        byte* from = _memory[copy.From], to = Hold(copy.To);
        if (from == null) return; // nothing was ever written there
        for (int head = 0; head < Layout.Heads; head++)
        {
            Copy(Layout.Keys(head), copy.Positions * Layout.RowBytes);
            Copy(Layout.Values(head), copy.Positions * Layout.RowBytes);
            if (Layout.Format != KeyValueFormat.Int8) continue;
            Copy(Layout.KeyScales(head), copy.Positions * sizeof(float));
            Copy(Layout.ValueScales(head), copy.Positions * sizeof(float));
        }

        void Copy(nint offset, int bytes) => NativeMemory.Copy(from + offset, to + offset, (nuint)bytes);
    }

    /// <summary>Frees the memory of pages that no row has, where much more is held than rows have.</summary>
    public void FreeUnused()
    {
        int used = _pages.UsedPages, most = used + Math.Max(SparePages, used / UsedPerSpare);
        for (int page = _pages.Pages - 1; page >= 0 && _held > most; page--)
        {
            if (_memory[page] == null || !_pages.IsFree(page)) continue;
            NativeMemory.AlignedFree(_memory[page]);
            _memory[page] = null;
            _held--;
        }
    }

    protected override void Dispose(bool disposing)
    {
        for (int page = 0; _memory != null && page < _pages.Pages; page++) NativeMemory.AlignedFree(_memory[page]);
        NativeMemory.Free(_memory);
        _memory = null;
        _held = 0;
        base.Dispose(disposing);
    }

    byte* Hold(int page)
    {
        if (_memory[page] == null)
        {
            _memory[page] = (byte*)NativeMemory.AlignedAlloc((nuint)Layout.Bytes, 64);
            _held++;
        }
        return _memory[page];
    }
}

/// <summary>
/// How a page lies in memory: keys (heads, positions, size), their scales (heads, positions) if int8, then values in the same way.
/// </summary>
internal readonly struct PageLayout
{
    const int Positions = PageTable.PagePositions;

    readonly nint _headBytes;
    readonly nint _scalesOffset;
    readonly nint _valuesOffset;

    public PageLayout(int heads, int size, KeyValueFormat format)
    {
        Heads = heads;
        Size = size;
        Format = format;
        RowBytes = size * format switch { KeyValueFormat.F32 => sizeof(float), KeyValueFormat.BF16 => sizeof(ushort), _ => sizeof(sbyte) };
        _headBytes = (nint)Positions * RowBytes;
        _scalesOffset = heads * _headBytes;
        _valuesOffset = _scalesOffset + (format == KeyValueFormat.Int8 ? heads * Positions * sizeof(float) : 0);
        Bytes = 2 * _valuesOffset;
    }

    public int Heads { get; }

    public int Size { get; }

    public KeyValueFormat Format { get; }

    /// <summary>Bytes of one key or value of one head.</summary>
    public int RowBytes { get; }

    /// <summary>Bytes of a page.</summary>
    public nint Bytes { get; }

    /// <summary>How far a value is from its key, and its scale from the key's.</summary>
    public nint ValuesFromKeys => _valuesOffset;

    /// <summary>Where the first key of a head is.</summary>
    public nint Keys(int head) => head * _headBytes;

    public nint Values(int head) => _valuesOffset + head * _headBytes;

    public nint KeyScales(int head) => _scalesOffset + (nint)head * Positions * sizeof(float);

    public nint ValueScales(int head) => _valuesOffset + KeyScales(head);
}
