using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Recognition;
using Earshot.Tests.Models;
using Earshot.Tokenizers;

namespace Earshot.Tests.Decoding;

/// <summary>Decoding of one window, waited for.</summary>
internal static class DecodingCalls
{
    public static DecodingResult Run(this WhisperDecodingTask task, EncodedAudio audio, DecodingOptions options) =>
        RuntimeCalls.Wait(task.RunAsync(audio, options));

    public static DecodingResult Run(this WhisperDecodingTask task, GenerationCalls calls, DecodingOptions options) =>
        RuntimeCalls.Wait(task.RunAsync(calls.Generation, options));

    public static DecodingResult Run(
        this SpeculativeDecoder decoder, GenerationCalls main, GenerationCalls draft, DecodingOptions options) =>
        RuntimeCalls.Wait(decoder.RunAsync(main.Generation, draft.Generation, options));

    public static LanguageDetection Detect(GenerationCalls calls, WhisperTokenizer tokenizer) =>
        RuntimeCalls.Wait(LanguageDetector.DetectAsync(calls.Generation, tokenizer));

    public static WhisperDecodingTask Task(ScriptedRuntime runtime, WhisperTokenizer tokenizer) =>
        new(runtime.Decoder, tokenizer, runtime.Generation);

    public static WhisperDecodingTask Task(CpuModelRuntime runtime) =>
        new(runtime.RequireDecoder(), WhisperBase.Tokenizer, WhisperBase.Rules);
}
