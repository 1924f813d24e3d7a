using System.Diagnostics;
using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;

namespace Earshot.Onnx.Runtimes;

/// <summary>A voice as a graph: one piece at a time unless more encoders were asked for, in order of arrival.</summary>
internal sealed class OnnxVoiceRuntime : VoiceRuntime, IDisposable
{
    readonly ModelGraph _graph;
    readonly RunLine _line;

    public OnnxVoiceRuntime(
        string folder, ExportManifest manifest, ModelParts parts, OnnxSessionOptions session, OnnxModelOptions options) : base(parts)
    {
        _graph = ModelGraph.Open(folder, manifest.Voice, "a voice", session, graph =>
        {
            graph.RequireInput(GraphNames.Spectrogram, -1, -1, Shape.InputSize);
            graph.RequireOutput(GraphNames.Waveform, -1, -1);
            graph.RequireOnlyInputs([GraphNames.Spectrogram]);
        });
        _line = new RunLine("voice", Math.Max(1, options.EncodersAtOnce), options.Limits.Waiting);
    }

    public StageTimer Time { get; } = new();

    public ProviderReport Providers => _graph.Session.Providers;

    public void Dispose()
    {
        _line.Dispose();
        _graph.Dispose();
    }

    // Never on the caller's thread: it takes a second.
    protected override ValueTask RunPieceAsync(
        ReadOnlyMemory<float> features, int frames, SampleReader keep, CancellationToken cancellationToken) =>
        _line.RunAsync(new PieceRequest(this, features, frames, keep), here: false, cancellationToken);

    sealed class PieceRequest(OnnxVoiceRuntime runtime, ReadOnlyMemory<float> features, int frames, SampleReader keep) : RunRequest
    {
        protected override void Execute(CancellationToken cancellationToken)
        {
            long started = Stopwatch.GetTimestamp();
            using var input = OnnxValue.CopyOf(features.Span, 1, frames, runtime.Shape.InputSize);
            using var binding = runtime._graph.Session.CreateBinding();
            binding.BindInput(GraphNames.Spectrogram, input);
            binding.BindOutput(GraphNames.Waveform, OnnxMemoryInfo.Cpu);
            binding.Run(cancellationToken: cancellationToken);
            using var outputs = binding.TakeOutputs();
            keep(outputs[0].Span<float>());
            runtime.Time.Add(started);
        }
    }
}
