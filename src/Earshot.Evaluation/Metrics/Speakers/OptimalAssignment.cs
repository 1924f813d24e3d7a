namespace Earshot.Evaluation.Metrics;

/// <summary>
/// The one-to-one assignment of rows to columns with the least total cost, by shortest augmenting paths
/// (Jonker and Volgenant's form of the Hungarian method): O(rows² · columns).
/// </summary>
public static class OptimalAssignment
{
    /// <summary>
    /// For each row its column, or −1 where there are more rows than columns; costs may be negative but must be finite.
    /// </summary>
    public static int[] Minimize(double[,] costs)
    {
        ArgumentNullException.ThrowIfNull(costs);
        var (rows, columns) = (costs.GetLength(0), costs.GetLength(1));
        foreach (var cost in costs)
        {
            if (!double.IsFinite(cost)) throw new ArgumentException($"Every cost must be finite, got {cost}.", nameof(costs));
        }
        if (rows <= columns) return Solve(rows, columns, (r, c) => costs[r, c]);
        var rowOf = Solve(columns, rows, (c, r) => costs[r, c]);
        var columnOf = new int[rows];
        Array.Fill(columnOf, -1);
        for (var c = 0; c < columns; c++) columnOf[rowOf[c]] = c;
        return columnOf;
    }

    /// <summary>As <see cref="Minimize"/>, for the greatest total.</summary>
    public static int[] Maximize(double[,] gains)
    {
        ArgumentNullException.ThrowIfNull(gains);
        var costs = new double[gains.GetLength(0), gains.GetLength(1)];
        for (var r = 0; r < costs.GetLength(0); r++)
        {
            for (var c = 0; c < costs.GetLength(1); c++) costs[r, c] = -gains[r, c];
        }
        return Minimize(costs);
    }

    /// <summary>At most as many rows as columns; rows and columns count from 1 inside, 0 is "none".</summary>
    static int[] Solve(int rows, int columns, Func<int, int, double> cost)
    {
        var rowPrice = new double[rows + 1];
        var columnPrice = new double[columns + 1];
        var rowOf = new int[columns + 1];
        var cameFrom = new int[columns + 1];
        for (var row = 1; row <= rows; row++)
        {
            rowOf[0] = row;
            var column = 0;
            var distance = new double[columns + 1];
            var visited = new bool[columns + 1];
            Array.Fill(distance, double.PositiveInfinity);
            do
            {
                visited[column] = true;
                var (reached, step) = Nearest(column, distance, visited);
                for (var c = 0; c <= columns; c++)
                {
                    if (visited[c])
                    {
                        rowPrice[rowOf[c]] += step;
                        columnPrice[c] -= step;
                    }
                    else
                    {
                        distance[c] -= step;
                    }
                }
                column = reached;
            }
            while (rowOf[column] != 0);
            for (; column != 0; column = cameFrom[column]) rowOf[column] = rowOf[cameFrom[column]];
        }
        var columnOf = new int[rows];
        for (var c = 1; c <= columns; c++)
        {
            if (rowOf[c] != 0) columnOf[rowOf[c] - 1] = c - 1;
        }
        return columnOf;

        (int Column, double Step) Nearest(int from, double[] distance, bool[] visited)
        {
            var (best, step) = (0, double.PositiveInfinity);
            for (var c = 1; c <= columns; c++)
            {
                if (visited[c]) continue;
                var reduced = cost(rowOf[from] - 1, c - 1) - rowPrice[rowOf[from]] - columnPrice[c];
                if (reduced < distance[c]) (distance[c], cameFrom[c]) = (reduced, from);
                if (distance[c] < step) (best, step) = (c, distance[c]);
            }
            return (best, step);
        }
    }
}
