using System.Runtime.Intrinsics;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>y = epilogue(x·Wᵀ + b), cut by panels of outputs.</summary>
internal static unsafe class MatrixProduct
{
    public static void Run(WorkerPool pool, in LinearCall call) => pool.Run(new PanelWork { Call = call }, call.Weights.Panels);

    struct PanelWork : IParallelWork
    {
        public LinearCall Call;

        public readonly void Execute(int part)
        {
            const int width = PackedMatrix.PanelWidth;
            float* panel = Call.Weights.Panel(part);
            int first = part * width, count = Math.Min(width, Call.Weights.Outputs - first);
            float* tile = stackalloc float[4 * width];
            for (int m = 0; m < Call.Rows; m += 4)
            {
                int rows = Math.Min(4, Call.Rows - m);
                Multiply(panel, m, rows, tile);
                for (int r = 0; r < rows; r++) Finish(tile + r * width, m + r, first, count);
            }
        }

        readonly void Multiply(float* panel, int m, int rows, float* tile)
        {
            const int width = PackedMatrix.PanelWidth;
            for (int r = 0; r < rows; r++)
            {
                float* x = Call.X + (m + r) * Call.XStride;
                Vector512<float> low = default, high = default;
                float* w = panel;
                for (int k = 0; k < Call.Weights.Inputs; k++, w += width)
                {
                    var value = Vector512.Create(x[k]);
                    low = Vector512.FusedMultiplyAdd(value, Vector512.Load(w), low);
                    high = Vector512.FusedMultiplyAdd(value, Vector512.Load(w + 16), high);
                }
                low.Store(tile + r * width);
                high.Store(tile + r * width + 16);
            }
        }

        readonly void Finish(float* tile, int row, int first, int count)
        {
            float* y = Call.Y + row * Call.YStride + first;
            float* residual = Call.Residual == null ? null : Call.Residual + row * Call.ResidualStride + first;
            for (int n = 0; n < count; n++)
            {
                float value = tile[n] + (Call.Bias == null ? 0 : Call.Bias[first + n]);
                value = Elementwise.Apply(Call.Activation, value);
                y[n] = residual == null ? value : value + residual[n];
            }
        }
    }
}
