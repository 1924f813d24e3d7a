using System.Diagnostics;
using System.Globalization;
using Earshot.PeerBench;

// The same GGUF file in Earshot and in llama.cpp (LLamaSharp's build of it), in turns: tokens a second of prompts, of one text,
// of eight.
// dotnet run -c Release --project bench/Earshot.PeerBench -- MODEL.gguf [ROUNDS [THREADS]]
if (args.Length == 0)
{
    Console.Error.WriteLine("usage: Earshot.PeerBench MODEL.gguf [ROUNDS [THREADS]]");
    return 2;
}
int Number(int index, int otherwise) => args.Length > index ? int.Parse(args[index], CultureInfo.InvariantCulture) : otherwise;
var (path, rounds, threads) = (args[0], Number(1, 5), Number(2, Environment.ProcessorCount));

(string Name, int Prompt, int Texts, int Tokens)[] cases =
[
    ("prompt of 512", 512, 1, 0), ("prompt of 4,096", 4096, 1, 0), ("one text", 32, 1, 64), ("eight texts", 32, 8, 32),
];
using var ours = await EarshotPeer.LoadAsync(path, threads);
if (Environment.GetEnvironmentVariable("ONLY") is { } only)
{
    int texts = only[0] - '0', count = int.Parse(only[2..]);
    for (int i = 0; i < count; i++)
    {
        var s = await ours.MeasureAsync([.. Enumerable.Range(0, texts).Select(text => Prompt(i * 100 + text, 32))], 64);
        Console.WriteLine($"{64 * texts / s:F1} tok/s {s / 64 * 1e3:F3} ms");
    }
    return 0;
}
using var theirs = new LlamaPeer(path, threads);
var times = new Dictionary<(string, string), List<double>>();
for (int round = 0; round <= rounds; round++)
{
    foreach (var (name, prompt, texts, tokens) in cases)
    {
        // Other prompts each time, so that none is known already.
        int[][] prompts = [.. Enumerable.Range(0, texts).Select(text => Prompt(round * 100 + text, prompt))];
        foreach (IPeer peer in (IPeer[])[ours, theirs])
        {
            var seconds = await peer.MeasureAsync(prompts, tokens);
            if (round == 0) continue; // warming up
            if (!times.TryGetValue((name, peer.Name), out var all)) times[(name, peer.Name)] = all = [];
            all.Add(Math.Max(1, tokens == 0 ? prompt : tokens * texts) / seconds);
        }
    }
}
Console.WriteLine($"{Path.GetFileName(path)}, {threads} threads, medians of {rounds} rounds in turns, tokens a second");
foreach (var (name, _, _, _) in cases)
{
    var (own, other) = (times[(name, ours.Name)], times[(name, theirs.Name)]);
    var ratio = Median([.. own.Zip(other, (a, b) => a / b)]);
    Console.WriteLine($"{name,-16} Earshot {Median(own),8:0.0}   llama.cpp {Median(other),8:0.0}   × {ratio:0.00}");
}
return 0;

static double Median(List<double> values)
{
    var sorted = values.Order().ToArray();
    return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
}

static int[] Prompt(int seed, int length)
{
    var random = new Random(seed);
    return [.. Enumerable.Range(0, length).Select(_ => random.Next(300, 20_000))];
}
