using System.Text.Json;
using System.Xml.Linq;
using Earshot.Benchmarks;
using Earshot.Cli.Benchmarks;
using Earshot.Cli.Benchmarks.Peers;
using Earshot.Tests.Models;

namespace Earshot.Cli.Tests.Peers;

/// <summary>The page of a comparison and the data beside it.</summary>
public sealed class PeerPageTests
{
    [Fact]
    public async Task Engines_that_are_found_are_measured_and_others_are_said_to_be_absent()
    {
        NativeRuntime.Require();
        using var peers = new FakePeers();
        peers.AddWhisperCli(FakePeers.WhisperCli);
        peers.AddPython("faster_whisper", "openvino", "numpy");
        var (report, error) = await RunAsync(peers, TestRecordings.Jfk);
        Assert.Equal(["encoder", "token", "recording"], report.Groups.Select(group => group.Name));
        Assert.Equal(
            ["Earshot f32 measured", "ONNX Runtime our f32 graph measured", "ONNX Runtime our int8 graph measured",
                "OpenVINO our graph, f32 measured", "OpenVINO our graph, auto measured"],
            report.Groups[0].Rows.Select(Summary));
        Assert.Equal(3, report.Groups[1].Rows.Count);
        var sound = report.Groups[2].Rows;
        Assert.Equal(
            ["Earshot as it loads measured", "Earshot f32 measured", "ONNX Runtime our f32 graphs measured",
                "ONNX Runtime our int8 graphs measured", "whisper.cpp f16 measured", "faster-whisper float32 measured",
                "faster-whisper int8 failed"],
            sound.Select(Summary));
        Assert.All(sound.Where(row => row.State == PeerRow.Measured), row => Assert.Single(row.Samples!));
        Assert.Equal(2000, sound[4].Milliseconds);
        Assert.Equal(14, sound[4].Words);
        Assert.Equal(1, sound[0].RatioToFirst);
        Assert.Equal("it failed in Python", sound[^1].Reason);
        Assert.Contains("faster-whisper: it failed in Python: ValueError.", error, StringComparison.Ordinal);
        CheckFiles(report, peers);
    }

    [Fact]
    public async Task Without_other_engines_the_page_says_how_they_are_found()
    {
        NativeRuntime.Require();
        using var peers = new FakePeers();
        peers.Set(WhisperCpp.ModelVariable, "");
        var (report, _) = await RunAsync(peers, null);
        var absent = report.Groups.SelectMany(group => group.Rows).Where(row => row.State == PeerRow.NotHere).ToList();
        Assert.Equal(["OpenVINO", "whisper.cpp", "faster-whisper"], absent.Select(row => row.Engine));
        Assert.All(absent, row => Assert.Null(row.Milliseconds));
        Assert.Contains("EARSHOT_WHISPER_CPP_MODEL", absent[1].Reason, StringComparison.Ordinal);
        Assert.StartsWith("30.0 s of a made sound", report.Groups[^1].What, StringComparison.Ordinal);
        CheckFiles(report, peers);
    }

    [Theory]
    [InlineData("bench --peers --tune", "--peers and --tune are measured apart")]
    [InlineData("bench base --audio x.wav", "--audio is for --peers")]
    [InlineData("bench base -o x.html", "--output is for --peers")]
    [InlineData("bench --peers -o page.pdf", "expected a file that ends in .html")]
    [InlineData("bench --peers --threads 1,2", "--peers takes one number of --threads")]
    [InlineData("bench --peers --audio absent.wav --rounds 1", "'absent.wav': no such file")]
    [InlineData("bench --peers -o /proc/x/page.html", "cannot write '/proc/x/page.html'")]
    [InlineData("bench base --tune --weights f32", "leave --weights out")]
    [InlineData("bench base --threads 1,x", "--threads has 'x'")]
    [InlineData("bench base --threads 0", "--threads has '0'")]
    [InlineData("bench --random campplus --peers", "has no encoder")]
    public async Task What_does_not_go_together_is_said(string commandLine, string expected)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() && expected.Contains("/proc", StringComparison.Ordinal), "Windows has no /proc.");
        var run = await CommandRun.OfAsync(commandLine.Split(' '));
        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Places_are_a_page_its_data_or_a_folder()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(("earshot-peers.html", "earshot-peers.json"), PeerFiles.Places(null));
        Assert.Equal(("a.html", "a.json"), PeerFiles.Places("a.html"));
        Assert.Equal(("a.html", "a.json"), PeerFiles.Places("a.json"));
        Assert.Equal((folder["earshot-peers.html"], folder["earshot-peers.json"]), PeerFiles.Places(folder.Path));
    }

    static async Task<(PeerReport Report, string Error)> RunAsync(FakePeers peers, string? audio)
    {
        using var model = BenchModel.OfFolder(RandomModel.WriteTo(peers["model"]));
        using var error = new StringWriter();
        var terminal = new Terminal { Out = TextWriter.Null, Error = TextWriter.Synchronized(error) };
        var report = await PeerRun.RunAsync(
            new PeerOptions
            {
                Model = model,
                ModelName = "random <model>",
                Settings = BenchSettings.Parse(["f32"], [], ["2"]),
                Benchmark = new BenchmarkOptions { Rounds = 1, Tokens = 2, Streams = 1 },
                Audio = audio,
                Search = peers.Search,
            }, terminal, default);
        return (report, error.ToString());
    }

    // Well-formed, the same figures in both, and nothing that names this machine's files or people.
    static void CheckFiles(PeerReport report, FakePeers peers)
    {
        var places = (Page: peers["page.html"], Data: peers["page.json"]);
        PeerFiles.Write(report, places);
        string page = File.ReadAllText(places.Page), data = File.ReadAllText(places.Data);
        var document = XDocument.Parse(page[page.IndexOf('\n', StringComparison.Ordinal)..]);
        var headings = document.Descendants("h2").Select(heading => heading.Value).ToList();
        Assert.All(report.Groups, group => Assert.Contains(group.What, headings));
        Assert.Equal(report.Groups.Count + 1, document.Descendants("svg").Count());
        Assert.Contains("random <model>", document.Descendants("h1").Single().Value, StringComparison.Ordinal);
        Assert.Equal("page.json", document.Descendants("a").Single().Attribute("href")!.Value);
        using var read = JsonDocument.Parse(data);
        Assert.Equal(report.Groups.Count, read.RootElement.GetProperty("groups").GetArrayLength());
        Assert.Equal(1, read.RootElement.GetProperty("version").GetInt32());
        string[] secrets =
        [
            Environment.MachineName, Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), Path.GetTempPath().TrimEnd('/'),
            AppContext.BaseDirectory, "fellow", "whisper-cli'", "jfk", "secret",
        ];
        foreach (var secret in secrets.Where(secret => secret.Length > 3))
        {
            Assert.DoesNotContain(secret, data, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(secret, page, StringComparison.OrdinalIgnoreCase);
        }
        // No path at all: what has a slash is a rate, a version or an open interval of none.
        foreach (var text in Strings(read.RootElement)) Assert.DoesNotMatch(@"(^|[\s'""(=])(/|[A-Za-z]:\\|~)\w", text);
    }

    static IEnumerable<string> Strings(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => [element.GetString()!],
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Strings),
        JsonValueKind.Object => element.EnumerateObject().SelectMany(property => Strings(property.Value)),
        _ => [],
    };

    static string Summary(PeerRow row) =>
        $"{string.Join(' ', row.Engine.Split(' ').Where(word => !char.IsAsciiDigit(word[0])))} {row.Setting} {row.State}";
}
