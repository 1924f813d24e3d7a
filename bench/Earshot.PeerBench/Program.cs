using System.Globalization;
using Earshot.PeerBench;

// The same GGUF file in Earshot and in llama.cpp (LLamaSharp's build of it), in turns: tokens a second of prompts, of one text,
// of eight. With EARSHOT_ISA=avx2 both are held to AVX2.
// dotnet run -c Release --project bench/Earshot.PeerBench -- MODEL.gguf [ROUNDS [THREADS [WORD OF CASES]]]
// Files to measure with: another block type of a file, or random weights of a published shape.
// dotnet run -c Release --project bench/Earshot.PeerBench -- recode MODEL.gguf TYPE OUTPUT.gguf
// dotnet run -c Release --project bench/Earshot.PeerBench -- random SHAPE TYPE OUTPUT.gguf
switch (args)
{
    case ["recode", var source, var type, var output]:
        ModelFiles.Recode(source, type, output);
        return 0;
    case ["random", var shape, var type, var output]:
        ModelFiles.WriteRandom(shape, type, output);
        return 0;
    case []:
        Console.Error.WriteLine(
            "usage: Earshot.PeerBench MODEL.gguf [ROUNDS [THREADS [WORD OF CASES]]] | recode MODEL.gguf TYPE OUTPUT.gguf | " +
            "random SHAPE TYPE OUTPUT.gguf");
        return 2;
}
int Number(int index, int otherwise) => args.Length > index ? int.Parse(args[index], CultureInfo.InvariantCulture) : otherwise;
var (path, rounds, threads) = (args[0], Number(1, 5), Number(2, Environment.ProcessorCount));

(string Name, int Prompt, int Texts, int Tokens)[] cases =
[
    ("prompt of 512", 512, 1, 0), ("prompt of 4,096", 4096, 1, 0), ("one text", 32, 1, 64), ("eight texts", 32, 8, 32),
];
if (args.Length > 3) cases = [.. cases.Where(which => which.Name.Contains(args[3], StringComparison.Ordinal))];
using var ours = await EarshotPeer.LoadAsync(path, threads);
using var theirs = new LlamaPeer(path, threads);
var times = new Dictionary<(string, string), List<Taken>>();
for (int round = 0; round <= rounds; round++)
{
    foreach (var (name, prompt, texts, tokens) in cases)
    {
        // Other prompts each time, so that none is known already.
        int[][] prompts = [.. Enumerable.Range(0, texts).Select(text => Prompt(round * 100 + text, prompt))];
        foreach (IPeer peer in (IPeer[])[ours, theirs])
        {
            var taken = await peer.MeasureAsync(prompts, tokens);
            if (round == 0) continue; // warming up
            if (!times.TryGetValue((name, peer.Name), out var all)) times[(name, peer.Name)] = all = [];
            all.Add(taken);
        }
    }
}
Console.WriteLine(
    $"{Path.GetFileName(path)}, {threads} threads, medians of {rounds} rounds in turns: " +
    "tokens a second by the clock, and of processor time");
foreach (var (name, prompt, texts, tokens) in cases)
{
    var (own, other) = (times[(name, ours.Name)], times[(name, theirs.Name)]);
    int count = tokens == 0 ? prompt : tokens * texts;
    Console.WriteLine($"{name,-16} {Compare(taken => count / taken.Seconds)}   {Compare(taken => count / taken.ProcessorSeconds)}");

    string Compare(Func<Taken, double> rate)
    {
        double ratio = Median([.. own.Zip(other, (a, b) => rate(a) / rate(b))]);
        return $"Earshot {Median([.. own.Select(rate)]),8:0.0}   llama.cpp {Median([.. other.Select(rate)]),8:0.0}   × {ratio:0.00}";
    }
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
