using System.Diagnostics;
using Earshot.TextGeneration;
using Earshot.Transcription;

namespace Earshot.Cli.Models;

/// <summary>Loads language models for commands, showing what takes long.</summary>
internal static class LanguageModelLoader
{
    /// <summary>Loads a model by folder, file or name, downloading it where it is not here yet.</summary>
    /// <exception cref="EarshotException">It cannot be had, is damaged or of another kind.</exception>
    /// <param name="onnx">The device wished for in ONNX Runtime, and in what; null for our own kernels.</param>
    public static async Task<LanguageModel> LoadAsync(
        string name, LanguageModelOptions options, Terminal terminal, CancellationToken cancellationToken, LoadOptions? onnx = null)
    {
        var path = await ModelFolders.GetAsync(name, terminal, cancellationToken).ConfigureAwait(false);
        if (onnx is null && Directory.Exists(path) && OnnxLoading.IsOnlyExported(path))
        {
            terminal.Say($"'{name}' is an exported model: it runs in ONNX Runtime (--device {OnnxDevice.CpuName}).");
            onnx = new LoadOptions
            {
                Onnx = OnnxDevice.Cpu,
                Cpu = new TranscriberOptions { Threads = options.Threads, InstructionSet = options.InstructionSet },
            };
        }
        if (onnx is not null)
            return await OnnxLoading.LoadLanguageModelAsync((name, path), onnx, options, terminal, cancellationToken).ConfigureAwait(false);
        using var status = new StatusLine(terminal);
        status.Show(_ => $"Loading {name}…");
        long started = Stopwatch.GetTimestamp();
        var model = await LanguageModel.LoadAsync(path, options, cancellationToken: cancellationToken).ConfigureAwait(false);
        status.Above(() => Tell(model, path, (options, started), terminal));
        return model;
    }

    static void Tell(LanguageModel model, string path, (LanguageModelOptions Options, long Started) load, Terminal terminal)
    {
        ModelLoading.TellConversions(path, model.Conversions, load.Options.Weights, terminal);
        terminal.Detail(
            $"Loaded {path} in {Stopwatch.GetElapsedTime(load.Started).TotalMilliseconds:0} ms{PrivateMemory.Note()}. " +
            $"Computed with {model.Settings}.");
    }
}
