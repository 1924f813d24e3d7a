using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>
/// An int8 matrix that lies in panels: for whoever computes in int8 the mapped panels themselves, for all others rows of float32.
/// </summary>
sealed class PanelledTensor : QuantizedMatrix, IInt8Panels
{
    // The panel that a thread read last: rows are read in order, so that each panel is copied once.
    [ThreadStatic]
    static (PanelledTensor? Owner, int Panel, byte[] Bytes)? s_last;

    readonly StoredTensor _panels;
    readonly StoredTensor _scales;

    PanelledTensor(string name, Int8PanelLayout layout, (StoredTensor Panels, StoredTensor Scales) parts, SavedOutliers? outliers)
        : base(name, new Shape(layout.Rows, layout.Columns), WeightFormat.Int8, outliers)
    {
        Layout = layout;
        (_panels, _scales) = parts;
    }

    public Int8PanelLayout Layout { get; }

    public (SafeBuffer Memory, long Offset) Panels => ((IMappedTensor)_panels).Mapped;

    public void ThrowIfChanged() => ((IMappedTensor)_panels).ThrowIfChanged();

    /// <exception cref="CheckpointException">Panels and scales do not fit each other, or do not lie where they can be mapped.</exception>
    public static PanelledTensor Open(string name, ITensorStore store, StoredTensor panels)
    {
        CheckpointException Wrong(string what) => new($"{store.Location}: {what}. Quantise the model again.");

        var scales = store.Find(name + WeightScheme.ScalesSuffix)
            ?? throw Wrong($"'{name}{WeightScheme.ScalesSuffix}' is missing beside '{panels.Name}'");
        if (scales.Type != DType.F32 || scales.Shape.Rank != 1 || scales.Shape.Count < 1)
            throw Wrong($"'{scales.Name}' is {scales.Type} {scales.Shape}; panels have one float32 for each row there");
        bool isPanels = panels.Type == DType.U8 && panels.Shape.Rank == 4
            && panels.Shape[1] <= Array.MaxLength / (Int8PanelLayout.Width * Int8PanelLayout.StepInputs)
            && Int8PanelLayout.Fits(panels.Shape[1] * Int8PanelLayout.StepInputs);
        var layout = isPanels ? new Int8PanelLayout(scales.Shape[0], panels.Shape[1] * Int8PanelLayout.StepInputs) : default;
        if (!isPanels || panels.Shape != WeightScheme.PanelShape(layout))
            throw Wrong(
                $"'{panels.Name}' is {panels.Type} {panels.Shape}; expected U8 of (panels, steps, {Int8PanelLayout.Width}, " +
                $"{Int8PanelLayout.StepInputs}) that hold the {scales.Shape[0]} rows of '{scales.Name}'");
        if (panels.FileOffset % WeightScheme.PanelAlignment != 0)
        {
            throw Wrong(
                $"'{panels.Name}' begins at byte {panels.FileOffset} of the file; expected a multiple of {WeightScheme.PanelAlignment}");
        }
        return new PanelledTensor(name, layout, (panels, scales), SavedOutliers.Open(name, new Shape(layout.Rows, layout.Columns), store));
    }

    public void ReadScales(Span<float> destination)
    {
        _scales.Read(0, MemoryMarshal.AsBytes(destination));
        for (int row = 0; row < destination.Length; row++) CheckScale(destination[row], row, _scales);
    }

    protected override void ReadCodes(int row, QuantizedRow destination)
    {
        float scale = 0;
        _scales.Read((long)row * sizeof(float), MemoryMarshal.AsBytes(new Span<float>(ref scale)));
        CheckScale(scale, row, _scales);
        MemoryMarshal.Write(destination.Scales, scale);
        Layout.Gather(Panel(row / Int8PanelLayout.Width), row % Int8PanelLayout.Width, MemoryMarshal.Cast<byte, sbyte>(destination.Codes));
    }

    ReadOnlySpan<byte> Panel(int index)
    {
        var last = s_last;
        if (last is { } kept && ReferenceEquals(kept.Owner, this) && kept.Panel == index)
            return kept.Bytes.AsSpan(0, (int)Layout.PanelBytes);
        var bytes = last is { } other && other.Bytes.Length >= Layout.PanelBytes ? other.Bytes : new byte[Layout.PanelBytes];
        // Forgotten first: a read that fails must not leave half a panel behind.
        s_last = (null, -1, bytes);
        _panels.Read(index * Layout.PanelBytes, bytes.AsSpan(0, (int)Layout.PanelBytes));
        s_last = (this, index, bytes);
        return bytes.AsSpan(0, (int)Layout.PanelBytes);
    }
}
