namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// The inputs of a convolution as rows of a matrix, one for each output position, (kernel height, kernel width, size), gathered as
/// they are needed: a product reads them without a copy of all. Images are (Height, Width, Size), one after another; what the kernel
/// reaches outside an image is zero.
/// </summary>
internal unsafe struct PatchRows
{
    public float* X;
    public int Height;
    public int Width;
    public int Size;
    public int KernelHeight;
    public int KernelWidth;
    public int StrideHeight;
    public int StrideWidth;
    public int PadHeight;
    public int PadWidth;
    public int DilationHeight;
    public int OutputHeight;
    public int OutputWidth;

    /// <summary>Copies inputs <paramref name="first"/> … first + count − 1 of a row.</summary>
    public readonly void Copy(int row, int first, int count, float* destination)
    {
        float* image = Place(row, out int top, out int left);
        int length = KernelWidth * Size, end = first + count;
        for (int k = first / length; k * length < end; k++)
        {
            int from = Math.Max(first, k * length), to = Math.Min(end, (k + 1) * length);
            CopyLine(
                image, top + k * DilationHeight, left * Size + from - k * length, new Span<float>(destination + from - first, to - from));
        }
    }

    /// <summary>The largest magnitude in a row.</summary>
    public readonly float Largest<TLanes>(int row) where TLanes : struct, ILanes<TLanes>
    {
        float* image = Place(row, out int top, out int left);
        float largest = 0;
        for (int k = 0; k < KernelHeight; k++)
        {
            int line = top + k * DilationHeight, from = Math.Max(0, left * Size), to = Math.Min(Width * Size, (left + KernelWidth) * Size);
            if ((uint)line < (uint)Height && from < to)
                largest = MathF.Max(largest, Rows<TLanes>.Largest(image + (nint)line * Width * Size + from, to - from));
        }
        return largest;
    }

    /// <summary>The image that a row belongs to, and where its kernel begins in there.</summary>
    public readonly float* Place(int row, out int top, out int left)
    {
        int line = row / OutputWidth, image = line / OutputHeight;
        top = (line - image * OutputHeight) * StrideHeight - PadHeight;
        left = (row - line * OutputWidth) * StrideWidth - PadWidth;
        return X + (nint)image * Height * Width * Size;
    }

    // Elements from `start` on, counted from the line's first, of which those before and behind the line are zero.
    readonly void CopyLine(float* image, int line, int start, Span<float> destination)
    {
        int width = Width * Size;
        if ((uint)line >= (uint)Height)
        {
            destination.Clear();
            return;
        }
        int before = Math.Clamp(-start, 0, destination.Length), end = Math.Clamp(width - start, before, destination.Length);
        if (before > 0) destination[..before].Clear();
        if (end < destination.Length) destination[end..].Clear();
        new ReadOnlySpan<float>(image + (nint)line * width + start + before, end - before).CopyTo(destination[before..]);
    }
}
