namespace Earshot.Compute;

/// <summary>Positions that every cache over a table copies from one page to another before it writes to the new one.</summary>
public readonly record struct PageCopy(int From, int To, int Positions);

/// <summary>
/// Which pages hold each row's positions, the same for all layers of a decoder: a row is a sequence that grows, a list of pages of
/// <see cref="PagePositions"/> positions. Rows share pages, and a shared page is copied when it is about to be written, which
/// happens to a row's last page only. Pages come from one budget; a page that no row has is free again, and none is ever taken
/// away from a row. After a refusal everything is as it was. Not safe on several threads at once: whoever steps the decoder owns it.
/// </summary>
public sealed class PageTable
{
    /// <summary>Positions in a page.</summary>
    public const int PagePositions = 64;

    // By page: how many rows have it, whose promise it was taken from, and which promise of theirs.
    readonly int[] _references;
    readonly PageReservation?[] _owners;
    readonly int[] _promises;

    // The lowest numbers are taken first, and what was freed last before all.
    readonly int[] _free;
    readonly Stack<int> _freeRows = new();
    Row[] _rows = [];
    int[] _staged = [];
    int _freePages;
    int _unpromised;

    /// <param name="pages">The budget: how many pages all rows together may have.</param>
    public PageTable(int pages)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pages, 1);
        Pages = pages;
        _references = new int[pages];
        _owners = new PageReservation?[pages];
        _promises = new int[pages];
        _free = new int[pages];
        for (int i = 0; i < pages; i++) _free[i] = pages - 1 - i;
        _freePages = _unpromised = pages;
    }

    /// <summary>The budget.</summary>
    public int Pages { get; }

    /// <summary>Pages that rows have, a shared one counted once.</summary>
    public int UsedPages => Pages - _freePages;

    /// <summary>Pages that are neither in use nor reserved.</summary>
    public int FreePages => _unpromised;

    /// <summary>Pages that some positions take.</summary>
    public static int PagesFor(int positions) => (positions + PagePositions - 1) / PagePositions;

    /// <summary>
    /// A new row of no positions, whose pages come from a reservation as long as it lasts; rows that were removed are used again.
    /// </summary>
    public int AddRow(PageReservation? reservation = null)
    {
        if (reservation is not null && reservation.Table != this)
        {
            throw new ModelException("A row's reservation is of another page table; expected one of the same.");
        }
        if (!_freeRows.TryPop(out int row))
        {
            row = _rows.Length;
            Array.Resize(ref _rows, Math.Max(4, row * 2));
            for (int i = row; i < _rows.Length; i++) _rows[i] = new Row();
            for (int i = _rows.Length - 1; i > row; i--) _freeRows.Push(i);
        }
        _rows[row].InUse = true;
        _rows[row].Reservation = reservation;
        return row;
    }

    /// <summary>Gives a row's pages back, and its number to the next that is added.</summary>
    public void RemoveRow(int row)
    {
        var removed = Find(row);
        Release(removed, 0);
        removed.Length = 0;
        removed.InUse = false;
        removed.Reservation = null;
        _freeRows.Push(row);
    }

    /// <summary>Positions that a row has room for.</summary>
    public int Length(int row) => Find(row).Length;

    /// <summary>A row's pages in the order of their positions, valid until the row is changed.</summary>
    public ReadOnlySpan<int> PagesOf(int row) => Find(row).Held;

    /// <summary>Whether several rows have a page, which must not be written then.</summary>
    public bool IsShared(int page) => _references[page] > 1;

    /// <summary>Whether no row has a page.</summary>
    public bool IsFree(int page) => _references[page] == 0;

    /// <summary>
    /// Room for a row's positions up to <paramref name="length"/>, where it has fewer. Returns what every cache over this table must copy
    /// before it writes the new positions, or null.
    /// </summary>
    /// <exception cref="OverloadedException">The row needs more pages than its reservation and the budget have left.</exception>
    public PageCopy? Grow(int row, int length)
    {
        var grown = Find(row);
        if (length <= grown.Length) return null;
        int filled = grown.Length % PagePositions, last = filled == 0 ? -1 : grown.Pages[grown.Count - 1];
        bool copies = last >= 0 && _references[last] > 1;
        int added = PagesFor(length) - grown.Count, needed = added + (copies ? 1 : 0), left = (grown.Reservation?.Left ?? 0) + _unpromised;
        if (needed > left)
        {
            throw new OverloadedException(
                $"Row {row} needs {needed} more pages of {PagePositions} positions to grow from {grown.Length} to {length}; {left} " +
                $"of {Pages} are free. End another generation, ask for fewer tokens, or create the page table with more pages.");
        }
        PageCopy? copy = null;
        if (copies)
        {
            int own = Take(grown.Reservation);
            _references[last]--;
            grown.Pages[grown.Count - 1] = own;
            copy = new PageCopy(last, own, filled);
        }
        grown.EnsureCapacity(grown.Count + added);
        for (int i = 0; i < added; i++) grown.Pages[grown.Count++] = Take(grown.Reservation);
        grown.Length = length;
        return copy;
    }

    /// <summary>Forgets a row's positions from <paramref name="length"/> on; pages beyond are given back.</summary>
    public void Truncate(int row, int length)
    {
        var shortened = Find(row);
        if ((uint)length > (uint)shortened.Length)
        {
            throw new ModelException(
                $"Row {row} has {shortened.Length} positions and cannot be truncated to {length}.");
        }
        Release(shortened, PagesFor(length));
        shortened.Length = length;
    }

    /// <summary>
    /// A row begins with the first positions of another in place of its own: whole pages are shared, and so is the one that is
    /// partly filled, until either row writes to it.
    /// </summary>
    public void Share(int row, int source, int length) => Reorder([row], [source], length);

    /// <summary>
    /// Row <c>rows[i]</c> continues the first <paramref name="length"/> positions of row <c>parents[i]</c>, as when beams are
    /// reordered; all parents are as they were before the call.
    /// </summary>
    public void Reorder(ReadOnlySpan<int> rows, ReadOnlySpan<int> parents, int length)
    {
        if (rows.Length != parents.Length)
        {
            throw new ModelException(
                $"{rows.Length} rows were given {parents.Length} parents; expected one each.");
        }
        for (int i = 0; i < rows.Length; i++)
        {
            Find(rows[i]);
            int most = Find(parents[i]).Length;
            if ((uint)length > (uint)most)
            {
                throw new ModelException(
                    $"Row {rows[i]} cannot begin with {length} positions of row {parents[i]}, which has {most}.");
            }
        }
        int count = PagesFor(length);
        if (_staged.Length < rows.Length * count) _staged = new int[Math.Max(rows.Length * count, 2 * _staged.Length)];
        for (int i = 0; i < rows.Length; i++)
        {
            var pages = _staged.AsSpan(i * count, count);
            _rows[parents[i]].Held[..count].CopyTo(pages);
            foreach (int page in pages) _references[page]++;
        }
        for (int i = 0; i < rows.Length; i++)
        {
            var row = _rows[rows[i]];
            Release(row, 0);
            row.EnsureCapacity(count);
            _staged.AsSpan(i * count, count).CopyTo(row.Pages);
            row.Count = count;
            row.Length = length;
        }
    }

    internal void Promise(PageReservation reservation, int pages)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(pages);
        if (pages > _unpromised)
        {
            throw new OverloadedException(
                $"{pages} pages of {PagePositions} positions were asked for in advance; {_unpromised} of {Pages} are neither used " +
                "nor reserved. End another generation, ask for fewer tokens, or create the page table with more pages.");
        }
        _unpromised -= pages;
        reservation.Left += pages;
    }

    internal void GiveBack(PageReservation reservation)
    {
        _unpromised += reservation.Left;
        reservation.Left = 0;
        reservation.Promise++; // what was taken from it does not come back to it
    }

    int Take(PageReservation? reservation)
    {
        bool promised = reservation is { Left: > 0 };
        if (promised) reservation!.Left--;
        else _unpromised--;
        int page = _free[--_freePages];
        _references[page] = 1;
        _owners[page] = promised ? reservation : null;
        _promises[page] = promised ? reservation!.Promise : 0;
        return page;
    }

    void Release(Row row, int kept)
    {
        while (row.Count > kept)
        {
            int page = row.Pages[--row.Count];
            if (--_references[page] > 0) continue;
            _free[_freePages++] = page;
            if (_owners[page] is { } owner && owner.Promise == _promises[page]) owner.Left++;
            else _unpromised++;
            _owners[page] = null;
        }
    }

    Row Find(int row) => (uint)row < (uint)_rows.Length && _rows[row].InUse
        ? _rows[row]
        : throw new ModelException($"Row {row} is not in the page table; expected one that was added and not removed.");

    sealed class Row
    {
        public int[] Pages = [];
        public int Count;
        public int Length;
        public bool InUse;
        public PageReservation? Reservation;

        public ReadOnlySpan<int> Held => Pages.AsSpan(0, Count);

        public void EnsureCapacity(int pages)
        {
            if (pages > Pages.Length) Array.Resize(ref Pages, Math.Max(pages, Math.Max(4, 2 * Pages.Length)));
        }
    }
}

/// <summary>
/// Pages of a table promised to some rows, such as the hypotheses of one generation: they take their pages from here first and give them
/// back here, so that within it growing is never refused. It serves again after it was given back. No safer on threads than its table.
/// </summary>
public sealed class PageReservation
{
    public PageReservation(PageTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        Table = table;
    }

    public PageTable Table { get; }

    /// <summary>Pages promised and not in use.</summary>
    public int Left { get; internal set; }

    // Numbers the promises, for pages that outlive the one they came from.
    internal int Promise { get; set; }

    /// <summary>Promises more pages.</summary>
    /// <exception cref="OverloadedException">There are not as many free; nothing was changed.</exception>
    public void Reserve(int pages) => Table.Promise(this, pages);

    /// <summary>Ends the promise: pages that are not in use are free for all, those in use as soon as no row has them.</summary>
    public void GiveBack() => Table.GiveBack(this);
}
