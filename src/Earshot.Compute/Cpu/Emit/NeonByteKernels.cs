namespace Earshot.Compute.Cpu.Emit;

/// <summary>
/// Emits the arm64 micro-kernels of int8 for processors without dot products: products of two steps are added as int16, which they fit
/// (2 · 128 · 127 &lt; 32,768), and pairs of those to int32. Six instructions do what float32 takes eight for, and nothing is widened.
/// </summary>
internal static class NeonByteKernels
{
    const int Steps = 2;
    const int Turns = 2; // of two steps, in a turn of the loop: steps are padded to four
    const int Value = 28; // a row's four bytes in each lane, of two steps
    const int Products = 30;
    const int Flip = 31; // 128 in each byte

    /// <summary>Some rows by some vectors of columns; each has two registers of sums, which are added in pairs at the end.</summary>
    readonly record struct Tile(int Rows, int Vectors, int Column)
    {
        public int Sum(int row, int vector, int half) => (row * Vectors + vector) * 2 + half;

        public int Read(int vector, int step) => Rows * Vectors * 2 + vector * Steps + step;
    }

    public static int Emit(ArmAssembler code, int rows)
    {
        int entry = NeonFrame.Begin(code);
        NeonFrame.SumRows(code, rows, dots: false);
        int vectors = rows <= 2 ? 4 : 2;
        for (int column = 0; column < NeonFrame.StepBytes; column += vectors * NeonFrame.VectorBytes)
            Pass(code, new Tile(rows, vectors, column));
        NeonFrame.End(code);
        return entry;
    }

    static void Pass(ArmAssembler code, Tile tile)
    {
        NeonFrame.PointAtStart(code, tile.Rows);
        for (int i = 0; i < tile.Rows * tile.Vectors * 2; i++) code.Zero(i);
        code.SetBytesTo128(Flip);
        NeonFrame.Loop(code, Turns * Steps, () =>
        {
            NeonFrame.Prefetch(code, tile.Column, Turns * Steps);
            for (int turn = 0; turn < Turns; turn++) Turn(code, tile);
        });
        NeonFrame.Either(code, fresh: () => EndSums(code, tile, goOn: false), goingOn: () => EndSums(code, tile, goOn: true));
    }

    static void Turn(ArmAssembler code, Tile tile)
    {
        for (int v = 0; v < tile.Vectors; v++)
        {
            for (int step = 0; step < Steps; step++)
            {
                int read = tile.Read(v, step);
                code.LoadVector(read, NeonFrame.Panel, step * NeonFrame.StepBytes + tile.Column + v * NeonFrame.VectorBytes);
                code.Xor(read, read, Flip);
            }
        }
        for (int r = 0; r < tile.Rows; r++)
        {
            for (int step = 0; step < Steps; step++) code.BroadcastAndAdvance(Value + step, NeonFrame.Row(r));
            for (int v = 0; v < tile.Vectors; v++)
            {
                foreach (bool upper in (ReadOnlySpan<bool>)[false, true])
                {
                    code.MultiplyBytes(Products, tile.Read(v, 0), Value, upper);
                    code.MultiplyAddBytes(Products, tile.Read(v, 1), Value + 1, upper);
                    code.AccumulatePairs(tile.Sum(r, v, upper ? 1 : 0), Products);
                }
            }
        }
        code.Add(NeonFrame.Panel, NeonFrame.Panel, Steps * NeonFrame.StepBytes);
    }

    static void EndSums(ArmAssembler code, Tile tile, bool goOn) => NeonFrame.EachRow(code, tile.Rows, r =>
    {
        code.Broadcast(Value, NeonFrame.Offset(r));
        for (int v = 0; v < tile.Vectors; v++)
        {
            int sum = tile.Sum(r, v, 0), at = tile.Column + v * NeonFrame.VectorBytes;
            code.AddPairs(sum, sum, tile.Sum(r, v, 1));
            code.AddInt32(sum, sum, Value);
            if (goOn)
            {
                code.LoadVector(Products, NeonFrame.Sums, at);
                code.AddInt32(sum, sum, Products);
            }
            code.StoreVector(NeonFrame.Sums, at, sum);
        }
    });
}
