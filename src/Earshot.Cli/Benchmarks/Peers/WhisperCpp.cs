using System.Globalization;
using System.Text.RegularExpressions;

namespace Earshot.Cli.Benchmarks.Peers;

/// <summary>
/// whisper.cpp's own program, which is started for every round; the time that it says it took to load its model does not count. Its output
/// is that of whisper-cli: segments with times on standard output, times of stages on standard error.
/// </summary>
internal sealed partial class WhisperCpp(string program, string model, PeerSearch search, PeerSound sound)
{
    public const string Engine = "whisper.cpp";
    public const string ProgramVariable = "EARSHOT_WHISPER_CPP", ModelVariable = "EARSHOT_WHISPER_CPP_MODEL";

    // GGML's numbers of file types.
    static readonly Dictionary<int, string> s_types = new()
    {
        [0] = "f32",
        [1] = "f16",
        [2] = "q4_0",
        [3] = "q4_1",
        [7] = "q8_0",
        [8] = "q5_0",
        [9] = "q5_1",
    };

    /// <summary>What it computes with, as it says on its first run.</summary>
    public string Setting { get; private set; } = "as its model is";

    /// <summary>Where it is, or why not.</summary>
    public static (string? Program, string? Model, string? Why) Find(PeerSearch search)
    {
        var program = search.Program(ProgramVariable, "whisper-cli");
        var model = search.Existing(ModelVariable);
        var why = program is null
            ? $"put whisper-cli on the path, or name it in {ProgramVariable}; and a ggml model in {ModelVariable}"
            : model is null ? $"name a ggml model's file in {ModelVariable}" : null;
        return (program, model, why);
    }

    /// <exception cref="PeerException">It went wrong, or told no times.</exception>
    public async Task<PeerResult> RunAsync(CancellationToken cancellationToken)
    {
        using var process = PeerProcess.Start(
            program,
            [
                "-m", model, "-f", sound.WavFile, "-l", sound.Language, "-t", sound.Threads.ToString(CultureInfo.InvariantCulture),
                // Greedy, without fallback, each window by itself: as all others here.
                "-bs", "1", "-bo", "1", "-nf", "-mc", "0",
            ],
            search.Timeout);
        var (output, complaints) = await process.FinishAsync(cancellationToken).ConfigureAwait(false);
        if (Milliseconds(complaints, "total") is not { } total || Milliseconds(complaints, "load") is not { } load || total <= load)
            throw new PeerException("it told no times (whisper_print_timings)");
        if (TypeLine().Match(complaints) is { Success: true } type && int.TryParse(type.Groups[1].ValueSpan, out int number))
            Setting = s_types.GetValueOrDefault(number % 1000, $"ftype {number}");
        return new PeerResult((total - load) / 1000, Text(output));
    }

    static double? Milliseconds(string complaints, string stage)
    {
        foreach (Match line in TimeLine().Matches(complaints))
        {
            if (line.Groups[1].Value == stage && double.TryParse(line.Groups[2].ValueSpan, CultureInfo.InvariantCulture, out double value)
                && double.IsFinite(value)) return value;
        }
        return null;
    }

    static string Text(string output) =>
        string.Join(' ', SegmentLine().Matches(output).Select(line => line.Groups[1].Value.Trim()));

    [GeneratedRegex(@"^whisper_print_timings:\s+(\w+) time =\s+([0-9.]{1,18}) ms", RegexOptions.Multiline)]
    private static partial Regex TimeLine();

    [GeneratedRegex(@"^whisper_model_load:\s+ftype\s+=\s+([0-9]{1,6})", RegexOptions.Multiline)]
    private static partial Regex TypeLine();

    [GeneratedRegex(@"^\[[0-9:.]+ --> [0-9:.]+\](.*)$", RegexOptions.Multiline)]
    private static partial Regex SegmentLine();
}
