namespace Earshot.Compute.Cpu.Kernels;

/// <summary>A panel of ggml's blocks that is made some inputs at a time, in scratch, for kernels of float32 or bfloat16.</summary>
internal readonly unsafe struct BlockUnpacking
{
    const int Width = PackedMatrix.PanelWidth;

    readonly BlockRows _blocks;
    readonly byte** _rows;
    readonly float* _scales;
    readonly float* _values;
    readonly byte* _pairs;

    /// <summary>Of a panel of a matrix.</summary>
    /// <param name="scratch">As many bytes as <see cref="Bytes"/> says.</param>
    /// <param name="inputs">Inputs that are made at a time, at most.</param>
    public BlockUnpacking(BlockRows blocks, int panel, byte* scratch, int inputs)
    {
        _blocks = blocks;
        _values = (float*)scratch;
        _pairs = scratch + inputs * PackedMatrix.StepBytes;
        _rows = (byte**)(_pairs + inputs / 2 * PackedMatrix.StepBytes);
        _scales = (float*)(_rows + Width);
        blocks.Locate(panel, _rows);
        blocks.Kernel.Scales(_rows, blocks.Inputs, _scales);
    }

    /// <summary>Bytes of scratch that panels of a matrix take.</summary>
    public static nint Bytes(BlockRows blocks, int inputs) =>
        inputs * PackedMatrix.StepBytes * 3 / 2 + Width * (sizeof(byte*) + 2 * (nint)blocks.Inputs.PaddedGroups * sizeof(float));

    /// <summary>The values of some inputs as a kernel reads them: whole groups, of which the first has an even number.</summary>
    public byte* Unpack<TLanes>(PanelType type, int firstInput, int count) where TLanes : struct, ILanes<TLanes>
    {
        const int group = BlockInputs.GroupSize;
        _blocks.Kernel.Unpack(_rows, _blocks.Inputs, _scales, firstInput / group, count / group, _values);
        if (type == PanelType.F32) return (byte*)_values;
        for (int input = 0; input < count; input += 2)
        {
            float* even = _values + input * Width;
            byte* pairs = _pairs + input / 2 * PackedMatrix.StepBytes;
            for (int column = 0; column < Width; column += TLanes.Count)
                TLanes.StorePairs(TLanes.Load(even + column), TLanes.Load(even + Width + column), pairs + column * sizeof(float));
        }
        return _pairs;
    }
}
