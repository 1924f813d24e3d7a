using LLama;
using LLama.Common;
using LLama.Native;

namespace Earshot.PeerBench;

/// <summary>llama.cpp on the processor, by LLamaSharp.</summary>
internal sealed class LlamaPeer : IPeer, IDisposable
{
    const int MostTexts = 8, Chunk = 512;

    readonly LLamaWeights _weights;
    readonly LLamaContext _context;

    public LlamaPeer(string path, int threads)
    {
        NativeLibraryConfig.All.WithLogCallback((_, _) => { });
        // Its builds differ by instructions, of which it takes the best that the processor has.
        if (Environment.GetEnvironmentVariable("EARSHOT_ISA") is "avx2") NativeLibraryConfig.All.WithAvx(AvxLevel.Avx2);
        var parameters = new ModelParams(path)
        {
            ContextSize = 8192,
            BatchSize = Chunk,
            UBatchSize = Chunk,
            SeqMax = MostTexts,
            Threads = threads,
            BatchThreads = threads,
            GpuLayerCount = 0,
        };
        _weights = LLamaWeights.LoadFromFile(parameters);
        _context = _weights.CreateContext(parameters);
    }

    public string Name => "llama.cpp";

    public Task<Taken> MeasureAsync(int[][] prompts, int tokens) => Task.Run(() =>
    {
        _context.NativeHandle.MemoryClear(true);
        var clock = new Clock();
        for (int text = 0; text < prompts.Length; text++) Read(prompts[text], text);
        if (tokens == 0) return clock.Elapsed;
        clock = new Clock();
        var batch = new LLamaBatch();
        for (int i = 0; i < tokens; i++)
        {
            batch.Clear();
            for (int text = 0; text < prompts.Length; text++)
                batch.Add(500 + i, prompts[text].Length + i, (LLamaSeqId)text, true);
            Run(batch);
            // Logits are asked for, as whoever chooses a token does.
            _ = _context.NativeHandle.GetLogitsIth(prompts.Length - 1)[0];
        }
        return clock.Elapsed;
    });

    void Read(int[] prompt, int text)
    {
        var batch = new LLamaBatch();
        for (int first = 0; first < prompt.Length; first += Chunk)
        {
            batch.Clear();
            for (int i = first; i < Math.Min(prompt.Length, first + Chunk); i++)
                batch.Add(prompt[i], i, (LLamaSeqId)text, i == prompt.Length - 1);
            Run(batch);
        }
    }

    void Run(LLamaBatch batch)
    {
        var result = _context.NativeHandle.Decode(batch);
        if (result != DecodeResult.Ok) throw new InvalidOperationException($"llama.cpp: {result}");
    }

    public void Dispose()
    {
        _context.Dispose();
        _weights.Dispose();
    }
}
