using System.Diagnostics;
using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>
/// A voice on the CPU backend: one piece at a time, in order of arrival, others' between; between its layers others' decoding steps pass.
/// </summary>
internal sealed class CpuVoiceRuntime(ModelParts parts, Scope root, CpuDevice device) : VoiceRuntime(parts), IDisposable
{
    // However long a piece is, a sample's bits are its own.
    readonly CpuBackend _backend = new(device) { RowPrecision = RowPrecision.Sequence };

    public StageTimer Time { get; } = new();

    public void Dispose() => _backend.Dispose();

    protected override async ValueTask RunPieceAsync(
        ReadOnlyMemory<float> features, int frames, SampleReader keep, CancellationToken cancellationToken) =>
        await device.RunAsync(_backend, () =>
        {
            long started = Stopwatch.GetTimestamp();
            _backend.FreeTemporaries();
            keep(CpuBackend.Read(Voice.Speak(_backend.Input(features.Span, new Shape(1, frames, Shape.InputSize)), root)));
            Time.Add(started);
        }, cancellationToken).ConfigureAwait(false);
}
