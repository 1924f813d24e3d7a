namespace Earshot.Compute.Tests;

public sealed class PageTableTests
{
    const int Page = PageTable.PagePositions;

    [Fact]
    public void A_row_takes_pages_as_it_grows_and_gives_them_back()
    {
        var table = new PageTable(8);
        int row = table.AddRow();
        Assert.Null(table.Grow(row, 1));
        Assert.Equal([0], table.PagesOf(row));
        Assert.Null(table.Grow(row, Page));
        Assert.Equal(1, table.UsedPages);
        Assert.Null(table.Grow(row, Page + 1));
        Assert.Equal([0, 1], table.PagesOf(row));
        Assert.Null(table.Grow(row, 3)); // shorter than it is
        Assert.Equal(Page + 1, table.Length(row));
        table.Truncate(row, Page);
        Assert.Equal([0], table.PagesOf(row));
        table.Grow(row, 3 * Page);
        table.RemoveRow(row);
        Assert.Equal(0, table.UsedPages);
        Assert.Equal(8, table.FreePages);
        Assert.Throws<ModelException>(() => table.Length(row));
        Assert.Equal(row, table.AddRow());
        Assert.Equal(0, table.Length(row));
    }

    [Fact]
    public void Whole_pages_are_shared_and_the_last_is_copied_by_whoever_writes_first()
    {
        var table = new PageTable(8);
        int first = table.AddRow(), second = table.AddRow();
        table.Grow(first, Page + 10);
        table.Share(second, first, Page + 5);
        Assert.Equal(table.PagesOf(first), table.PagesOf(second));
        Assert.Equal(2, table.UsedPages);
        Assert.True(table.IsShared(1));

        // The second copies five positions; the first then has the page alone.
        Assert.Equal(new PageCopy(1, 2, 5), table.Grow(second, Page + 6));
        Assert.Equal([0, 2], table.PagesOf(second));
        Assert.Null(table.Grow(first, Page + 11));
        Assert.Equal(3, table.UsedPages);
        table.RemoveRow(first);
        Assert.Equal([0, 2], table.PagesOf(second));
        Assert.Equal(2, table.UsedPages);
    }

    [Fact]
    public void A_prefix_of_whole_pages_needs_no_copy()
    {
        var table = new PageTable(4);
        int first = table.AddRow(), second = table.AddRow();
        table.Grow(first, Page + 10);
        table.Share(second, first, Page);
        Assert.Null(table.Grow(second, Page + 1));
        Assert.Equal([0, 2], table.PagesOf(second));
    }

    [Fact]
    public void Beams_take_over_their_parents_as_they_were()
    {
        var table = new PageTable(8);
        int[] rows = [table.AddRow(), table.AddRow(), table.AddRow()];
        foreach (int row in rows) table.Grow(row, Page + 1);
        int[][] before = [.. rows.Select(row => table.PagesOf(row).ToArray())];
        table.Reorder(rows, [rows[1], rows[0], rows[1]], Page + 1);
        Assert.Equal(before[1], table.PagesOf(rows[0]));
        Assert.Equal(before[0], table.PagesOf(rows[1]));
        Assert.Equal(before[1], table.PagesOf(rows[2]));
        Assert.Equal(4, table.UsedPages);
        Assert.NotNull(table.Grow(rows[0], Page + 2));
        Assert.Null(table.Grow(rows[1], Page + 2));
        Assert.Null(table.Grow(rows[2], Page + 2));
        Assert.Throws<ModelException>(() => table.Reorder([0], [1], Page + 3));
    }

    [Fact]
    public void A_refused_page_changes_nothing()
    {
        var table = new PageTable(3);
        int first = table.AddRow(), second = table.AddRow();
        table.Grow(first, Page + 3);
        table.Share(second, first, Page + 3);
        var refused = Assert.Throws<OverloadedException>(() => table.Grow(second, 2 * Page + 1)); // a copy and a page
        Assert.Contains("needs 2 more pages", refused.Message, StringComparison.Ordinal);
        Assert.Contains("1 of 3 are free", refused.Message, StringComparison.Ordinal);
        Assert.Equal(Page + 3, table.Length(second));
        Assert.Equal([0, 1], table.PagesOf(second));
        Assert.Equal(1, table.FreePages);
        Assert.NotNull(table.Grow(second, 2 * Page)); // the copy alone fits
    }

    [Fact]
    public void What_is_reserved_is_kept_for_the_rows_it_was_reserved_for()
    {
        var table = new PageTable(4);
        var reservation = new PageReservation(table);
        reservation.Reserve(3);
        Assert.Equal(1, table.FreePages);
        Assert.Throws<OverloadedException>(() => reservation.Reserve(2));
        Assert.Equal(3, reservation.Left);
        int own = table.AddRow(reservation), other = table.AddRow();
        table.Grow(other, Page);
        Assert.Throws<OverloadedException>(() => table.Grow(other, Page + 1));
        table.Grow(own, 3 * Page);
        Assert.Equal(0, reservation.Left);
        Assert.Throws<OverloadedException>(() => table.Grow(own, 3 * Page + 1));
        table.Truncate(own, Page);
        Assert.Equal(2, reservation.Left);
        Assert.Throws<OverloadedException>(() => table.Grow(other, Page + 1));
        reservation.GiveBack();
        Assert.Equal(2, table.FreePages);
        table.Grow(other, Page + 1);
        table.RemoveRow(own);
        Assert.Equal(0, reservation.Left); // a page that outlived the promise is free for all
        Assert.Equal(2, table.FreePages);
    }

    [Fact]
    public void A_shared_page_outlives_the_promise_it_came_from()
    {
        var table = new PageTable(4);
        var reservation = new PageReservation(table);
        reservation.Reserve(2);
        int own = table.AddRow(reservation), other = table.AddRow();
        table.Grow(own, Page);
        table.Share(other, own, Page);
        table.RemoveRow(own);
        reservation.GiveBack();
        reservation.Reserve(3);
        Assert.Equal(0, table.FreePages);
        table.RemoveRow(other);
        Assert.Equal(1, table.FreePages);
        Assert.Equal(3, reservation.Left);
    }

    /// <summary>Random calls, after each of which every page is counted again.</summary>
    [Fact]
    public void Every_page_is_accounted_for_after_any_calls()
    {
        for (int seed = 0; seed < 30; seed++)
        {
            var random = new Random(seed);
            var table = new PageTable(24);
            var reservations = new[] { new PageReservation(table), new PageReservation(table) };
            var rows = new List<int>();
            for (int step = 0; step < 400; step++)
            {
                try
                {
                    Act(random, table, reservations, rows);
                }
                catch (OverloadedException)
                {
                    // Refusals happen; what matters is that nothing is lost.
                }
                int used = rows.SelectMany(row => table.PagesOf(row).ToArray()).Distinct().Count();
                Assert.Equal(used, table.UsedPages);
                Assert.Equal(table.Pages, used + table.FreePages + reservations.Sum(reservation => reservation.Left));
                foreach (int row in rows) Assert.Equal(PageTable.PagesFor(table.Length(row)), table.PagesOf(row).Length);
            }
        }
    }

    static void Act(Random random, PageTable table, PageReservation[] reservations, List<int> rows)
    {
        int action = rows.Count == 0 ? 0 : random.Next(8);
        var reservation = reservations[random.Next(2)];
        if (action == 0)
        {
            rows.Add(table.AddRow(random.Next(2) == 0 ? null : reservation));
            return;
        }
        int row = rows[random.Next(rows.Count)], other = rows[random.Next(rows.Count)];
        switch (action)
        {
            case 1: table.RemoveRow(row); rows.Remove(row); break;
            case 2: table.Truncate(row, random.Next(table.Length(row) + 1)); break;
            case 3: table.Share(row, other, random.Next(table.Length(other) + 1)); break;
            case 4: reservation.Reserve(random.Next(4)); break;
            case 5: reservation.GiveBack(); break;
            default:
                table.Grow(row, table.Length(row) + 1 + random.Next(100));
                Assert.False(table.IsShared(table.PagesOf(row)[^1])); // it is about to be written
                break;
        }
    }

    [Fact]
    public void Calls_allocate_nothing_after_the_first()
    {
        var table = new PageTable(64);
        var reservation = new PageReservation(table);
        int[] rows = new int[5], parents = new int[5];
        for (int i = 0; i < 20; i++) RunAll();
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (int i = 0; i < 20; i++) RunAll();
        }));

        void RunAll()
        {
            reservation.Reserve(20);
            for (int i = 0; i < 5; i++) rows[i] = table.AddRow(reservation);
            table.Grow(rows[0], 100);
            for (int i = 1; i < 5; i++) table.Share(rows[i], rows[0], 90);
            for (int length = 91; length < 200; length++)
            {
                for (int i = 0; i < 5; i++)
                {
                    table.Truncate(rows[i], length - 1);
                    table.Grow(rows[i], length);
                    parents[i] = rows[(i * length) % 5];
                }
                table.Reorder(rows, parents, length);
            }
            foreach (int row in rows) table.RemoveRow(row);
            reservation.GiveBack();
        }
    }
}
