using System.Numerics;

namespace Earshot.Recognition;

/// <summary>The median of each value and the three on both sides of it; the row is mirrored at its ends.</summary>
static class MedianFilter
{
    const int Width = 7;
    const int Side = Width / 2;

    /// <param name="padded">Room for row.Length + 6 values.</param>
    public static void Apply(Span<float> row, Span<float> padded)
    {
        // A mirror needs more values than it repeats; the reference leaves shorter rows as they are.
        if (row.Length <= Side) return;
        row.CopyTo(padded[Side..]);
        for (int i = 1; i <= Side; i++)
        {
            padded[Side - i] = row[i];
            padded[Side + row.Length - 1 + i] = row[row.Length - 1 - i];
        }
        int position = 0;
        for (; position + Vector<float>.Count <= row.Length; position += Vector<float>.Count)
        {
            Median(
                Load(padded, position), Load(padded, position + 1), Load(padded, position + 2), Load(padded, position + 3),
                Load(padded, position + 4), Load(padded, position + 5), Load(padded, position + 6)).CopyTo(row[position..]);
        }
        Span<float> window = stackalloc float[Width];
        for (; position < row.Length; position++)
        {
            padded.Slice(position, Width).CopyTo(window);
            window.Sort();
            row[position] = window[Side];
        }
    }

    static Vector<float> Load(Span<float> values, int position) => new(values[position..]);

    /// <summary>A network of 13 exchanges that leaves the fourth of seven in its place.</summary>
    static Vector<float> Median(
        Vector<float> a, Vector<float> b, Vector<float> c, Vector<float> d, Vector<float> e, Vector<float> f, Vector<float> g)
    {
        Order(ref a, ref f);
        Order(ref a, ref d);
        Order(ref b, ref g);
        Order(ref c, ref e);
        Order(ref a, ref b);
        Order(ref d, ref f);
        Order(ref c, ref g);
        Order(ref c, ref d);
        Order(ref d, ref g);
        Order(ref e, ref f);
        Order(ref b, ref e);
        Order(ref b, ref d);
        Order(ref d, ref e);
        return d;
    }

    static void Order(ref Vector<float> low, ref Vector<float> high) => (low, high) = (Vector.Min(low, high), Vector.Max(low, high));
}
