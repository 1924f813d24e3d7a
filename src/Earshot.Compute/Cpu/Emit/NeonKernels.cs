using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>How a panel's elements meet a row's on arm64.</summary>
internal enum NeonProduct
{
    /// <summary>float32 by float32.</summary>
    Float,

    /// <summary>bfloat16 widened in registers, by float32.</summary>
    WidenedBFloat16,

    /// <summary>bfloat16 by bfloat16 (FEAT_BF16).</summary>
    BFloat16,

    /// <summary>int8, the panel's made signed (FEAT_DotProd).</summary>
    SignedBytes,

    /// <summary>int8, the panel's without a sign (FEAT_I8MM).</summary>
    UnsignedBytes,
}

/// <summary>
/// Emits arm64 micro-kernels that multiply a panel's vectors by one lane of a row's: up to three rows × 32 columns of sums in registers,
/// or up to six × 16 in two passes. A vector of each row, loaded once, serves four values of four bytes.
/// </summary>
internal static class NeonKernels
{
    /// <summary>Rows whose sums over all 32 columns fit the registers.</summary>
    public const int WholeRows = 3;

    const int Lanes = 4;
    const int Flip = 31; // 128 in each byte, which makes unsigned bytes signed

    /// <summary>What one pass works on: sums first, then the rows' values, then what is read of the panel.</summary>
    readonly record struct Tile(NeonProduct Product, int Rows, int Vectors, int Column)
    {
        /// <summary>Values of four bytes that one step takes of a row.</summary>
        public int Parts => Product == NeonProduct.WidenedBFloat16 ? 2 : 1;

        /// <summary>Steps that a vector of a row serves.</summary>
        public int Steps => Lanes / Parts;

        public int Sum(int row, int vector) => row * Vectors + vector;

        public int Values(int row) => Rows * Vectors + row;

        /// <summary>Registers left for the panel.</summary>
        public int Free => (Product == NeonProduct.SignedBytes ? Flip : Flip + 1) - Rows * (Vectors + 1);

        public int Read(int vector) => Rows * (Vectors + 1) + vector % Free;
    }

    /// <summary>Emits the kernel of one kind for a number of rows and returns where it begins.</summary>
    public static int Emit(ArmAssembler code, NeonProduct product, int rows)
    {
        int entry = NeonFrame.Begin(code);
        if (product == NeonProduct.SignedBytes) NeonFrame.SumRows(code, rows, dots: true);
        int vectors = rows <= WholeRows ? 8 : 4;
        for (int column = 0; column < NeonFrame.StepBytes; column += vectors * NeonFrame.VectorBytes)
            Pass(code, new Tile(product, rows, vectors, column));
        NeonFrame.End(code);
        return entry;
    }

    // All steps for some of the columns.
    static void Pass(ArmAssembler code, Tile tile)
    {
        NeonFrame.PointAtStart(code, tile.Rows);
        NeonFrame.Either(code, fresh: () => BeginSums(code, tile), goingOn: () => LoadSums(code, tile));
        if (tile.Product == NeonProduct.SignedBytes) code.SetBytesTo128(Flip);
        if (tile.Parts == 1 && tile.Product != NeonProduct.Float)
            NeonFrame.Loop(code, tile.Steps, () => Turn(code, tile, tile.Steps)); // steps are padded
        else Loops(code, tile);
        NeonFrame.EachRow(code, tile.Rows, r =>
        {
            for (int v = 0; v < tile.Vectors; v++) code.StoreVector(NeonFrame.Sums, At(tile, v), tile.Sum(r, v));
        });
    }

    static int At(Tile tile, int vector) => tile.Column + vector * NeonFrame.VectorBytes;

    static void BeginSums(ArmAssembler code, Tile tile)
    {
        bool signed = tile.Product == NeonProduct.SignedBytes;
        for (int r = 0; r < tile.Rows; r++)
        {
            for (int v = 0; v < tile.Vectors; v++)
            {
                if (signed) code.Broadcast(tile.Sum(r, v), NeonFrame.Offset(r));
                else code.Zero(tile.Sum(r, v));
            }
        }
    }

    static void LoadSums(ArmAssembler code, Tile tile) => NeonFrame.EachRow(code, tile.Rows, r =>
    {
        int offset = tile.Values(0);
        if (tile.Product == NeonProduct.SignedBytes) code.Broadcast(offset, NeonFrame.Offset(r));
        for (int v = 0; v < tile.Vectors; v++)
        {
            code.LoadVector(tile.Sum(r, v), NeonFrame.Sums, At(tile, v));
            if (tile.Product == NeonProduct.SignedBytes) code.AddInt32(tile.Sum(r, v), tile.Sum(r, v), offset);
        }
    });

    // Whole vectors of the rows, then what is left step by step.
    static void Loops(ArmAssembler code, Tile tile)
    {
        Label whole = new(), rest = new(), single = new(), done = new();
        code.Load(NeonFrame.Counter, NeonFrame.Arguments, MicroArguments.StepsOffset);
        code.Subtract(NeonFrame.Counter, tile.Steps);
        code.Branch(ArmCondition.Lower, rest);
        code.Align(32);
        code.Place(whole);
        Turn(code, tile, tile.Steps);
        code.Subtract(NeonFrame.Counter, tile.Steps);
        code.Branch(ArmCondition.HigherOrSame, whole);
        code.Place(rest);
        code.AddAndTest(NeonFrame.Counter, tile.Steps);
        code.Branch(ArmCondition.Equal, done);
        code.Place(single);
        Turn(code, tile, 1);
        code.Subtract(NeonFrame.Counter, 1);
        code.Branch(ArmCondition.NotEqual, single);
        code.Place(done);
    }

    static void Turn(ArmAssembler code, Tile tile, int steps)
    {
        NeonFrame.Prefetch(code, tile.Column, steps);
        for (int r = 0; r < tile.Rows; r++) code.LoadAndAdvance(tile.Values(r), NeonFrame.Row(r), steps * tile.Parts * sizeof(float));
        for (int step = 0; step < steps; step++)
        {
            for (int v = 0; v < tile.Vectors; v++) Step(code, tile, step, v);
        }
        code.Add(NeonFrame.Panel, NeonFrame.Panel, steps * NeonFrame.StepBytes);
    }

    static void Step(ArmAssembler code, Tile tile, int step, int vector)
    {
        int read = tile.Read(vector);
        code.LoadVector(read, NeonFrame.Panel, step * NeonFrame.StepBytes + At(tile, vector));
        if (tile.Product == NeonProduct.SignedBytes) code.Xor(read, read, Flip);
        if (tile.Parts == 1)
        {
            MultiplyRows(code, tile, vector, read, step);
            return;
        }
        int widened = tile.Read(vector + 1);
        code.ShiftLeft(widened, read, 16);
        MultiplyRows(code, tile, vector, widened, step * tile.Parts);
        // The second of a pair is in the upper half already.
        code.ShiftRight(read, read, 16);
        code.ShiftLeft(read, read, 16);
        MultiplyRows(code, tile, vector, read, step * tile.Parts + 1);
    }

    static void MultiplyRows(ArmAssembler code, Tile tile, int vector, int panel, int lane)
    {
        for (int r = 0; r < tile.Rows; r++)
        {
            int sum = tile.Sum(r, vector), values = tile.Values(r);
            switch (tile.Product)
            {
                case NeonProduct.BFloat16: code.DotBFloat16(sum, panel, values, lane); break;
                case NeonProduct.SignedBytes: code.DotSigned(sum, panel, values, lane); break;
                case NeonProduct.UnsignedBytes: code.DotUnsignedSigned(sum, panel, values, lane); break;
                default: code.MultiplyAddFloat(sum, panel, values, lane); break;
            }
        }
    }
}
