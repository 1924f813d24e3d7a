using System.Collections.Concurrent;

namespace Earshot.Checkpoints;

public sealed class ModelHubTests : IDisposable
{
    const string Name = "org/model";

    readonly TemporaryFolder _folder = new();

    string Cache => _folder.File("hub");

    string Blobs => Path.Combine(Cache, "models--org--model", "blobs");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Downloads_what_a_model_needs_into_the_shared_cache_layout()
    {
        using var server = new FakeHub();
        using var hub = Open(server);
        var reports = new Reports();
        var folder = await hub.GetAsync(Name, reports);
        Assert.Equal(Path.Combine(Cache, "models--org--model", "snapshots", FakeHub.Commit), folder);
        Assert.Equal(
            ["config.json", "model.safetensors", "tokenizer.json"],
            Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (var file in Directory.GetFiles(folder))
            Assert.Equal(server.Files[Path.GetFileName(file)], await File.ReadAllBytesAsync(file));
        Assert.Equal(FakeHub.Commit, await File.ReadAllTextAsync(Path.Combine(Cache, "models--org--model", "refs", "main")));
        Assert.True(File.Exists(Path.Combine(Blobs, FakeHub.Sha256(server.Files["model.safetensors"]))));
        Assert.True(File.Exists(Path.Combine(Blobs, FakeHub.GitHash(server.Files["config.json"]))));
        Assert.Contains(new DownloadProgress("model.safetensors", 3_000_000, 3_000_000), reports);
        Assert.DoesNotContain(
            server.Requests,
            r => r.Path.EndsWith("README.md", StringComparison.Ordinal) || r.Path.EndsWith(".bin", StringComparison.Ordinal));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(
                Path.Combine("..", "..", "blobs", FakeHub.GitHash(server.Files["config.json"])),
                new FileInfo(Path.Combine(folder, "config.json")).LinkTarget);
    }

    [Fact]
    public async Task A_cached_model_needs_no_network()
    {
        string folder;
        using (var server = new FakeHub())
        {
            using var hub = Open(server);
            folder = await hub.GetAsync(Name);
        }
        using var offline = new ModelHub(new HubOptions { CacheFolder = Cache, Offline = true });
        Assert.Equal(folder, await offline.GetAsync(Name));
        Assert.Equal(folder, offline.Resolve($"{Name}@{FakeHub.Commit}"));
        Assert.Equal(folder, offline.Resolve(folder));
        Assert.Null(offline.TryResolve("org/other"));
        var error = await Assert.ThrowsAsync<CheckpointException>(() => offline.GetAsync("org/other"));
        Assert.Contains("which has org/model; and HF_HUB_OFFLINE is set", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<CheckpointException>(() => offline.UpdateAsync(Name));
    }

    [Fact]
    public async Task Resumes_after_the_connection_breaks()
    {
        using var server = new FakeHub { CutAfter = 700_000, Cuts = 3 };
        using var hub = Open(server);
        var folder = await hub.GetAsync(Name);
        Assert.Equal(server.Files["model.safetensors"], await File.ReadAllBytesAsync(Path.Combine(folder, "model.safetensors")));
        var ranges = server.Requests.Where(r => r.ToStorage).Select(r => r.Range).ToList();
        Assert.Equal(4, ranges.Count);
        Assert.Null(ranges[0]);
        Assert.All(ranges.Skip(1), range => Assert.StartsWith("bytes=", range, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Resumes_what_an_earlier_run_left()
    {
        using var server = new FakeHub();
        var weights = server.Files["model.safetensors"];
        Directory.CreateDirectory(Blobs);
        await File.WriteAllBytesAsync(Path.Combine(Blobs, FakeHub.Sha256(weights) + ".incomplete"), weights[..1_000_000]);
        using var hub = Open(server);
        var folder = await hub.GetAsync(Name);
        Assert.Equal(weights, await File.ReadAllBytesAsync(Path.Combine(folder, "model.safetensors")));
        Assert.Equal("bytes=1000000-", Assert.Single(server.Requests, r => r.ToStorage).Range);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Starts_anew_where_the_earlier_part_is_damaged_or_cannot_be_continued(bool ignoresRange)
    {
        using var server = new FakeHub { IgnoresRange = ignoresRange };
        var weights = server.Files["model.safetensors"];
        Directory.CreateDirectory(Blobs);
        await File.WriteAllBytesAsync(Path.Combine(Blobs, FakeHub.Sha256(weights) + ".incomplete"), new byte[1_000_000]);
        using var hub = Open(server);
        var folder = await hub.GetAsync(Name);
        Assert.Equal(weights, await File.ReadAllBytesAsync(Path.Combine(folder, "model.safetensors")));
    }

    [Fact]
    public async Task Content_with_the_wrong_hash_never_gets_a_final_name()
    {
        using var server = new FakeHub { Distort = content => [.. content[..^1], (byte)(content[^1] ^ 1)] };
        await FailsAsync(server, "arrived damaged");
    }

    [Fact]
    public async Task Content_longer_than_announced_is_refused()
    {
        using var server = new FakeHub { Distort = content => [.. content, 0] };
        await FailsAsync(server, "longer than the 3000000 bytes");
    }

    [Fact]
    public async Task Content_that_stays_shorter_than_announced_is_refused()
    {
        using var server = new FakeHub { Distort = content => content[..1000], IgnoresRange = true };
        await FailsAsync(server, "the connection ended at byte 1000 of 3000000");
    }

    [Fact]
    public async Task The_token_goes_to_the_hub_and_to_no_other_host()
    {
        using var server = new FakeHub { RequiredToken = "secret" };
        using var hub = new ModelHub(Options(server) with { Token = "secret" });
        await hub.GetAsync(Name);
        Assert.All(server.Requests, r => Assert.Equal(r.ToStorage ? null : "Bearer secret", r.Authorization));
        Assert.Contains(server.Requests, r => r.ToStorage);
        Assert.DoesNotContain("secret", (Options(server) with { Token = "secret" }).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_that_cannot_be_sent_is_refused_without_showing_it()
    {
        var error = Assert.Throws<CheckpointException>(() => new ModelHub(new HubOptions { CacheFolder = Cache, Token = "hidden\ntwice" }));
        Assert.DoesNotContain("hidden", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, null, "There is no public model 'org/model' (401)")]
    [InlineData("GatedRepo", null, "set HF_TOKEN to an access token of that account")]
    [InlineData("GatedRepo", "wrong", "use an access token of the account that accepted them")]
    [InlineData(null, "wrong", "The access token is not accepted for 'org/model' (401)")]
    public async Task A_refusal_says_what_to_do(string? code, string? token, string reason)
    {
        using var server = new FakeHub { RequiredToken = "secret", ErrorCode = code };
        using var hub = new ModelHub(Options(server) with { Token = token });
        var error = await Assert.ThrowsAsync<CheckpointException>(() => hub.GetAsync(Name));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong", error.ToString(), StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    [Theory]
    [InlineData("org/modle", "There is no model 'org/modle'")]
    [InlineData("org/model@v9", "has no revision 'v9'")]
    [InlineData("../model", "neither a folder nor a model's name")]
    [InlineData("org/model@../../x", "neither a folder nor a model's name")]
    [InlineData("a/b/c", "neither a folder nor a model's name")]
    [InlineData("org--x/model", "neither a folder nor a model's name")]
    public async Task A_name_that_does_not_exist_or_cannot_is_refused(string name, string reason)
    {
        using var server = new FakeHub();
        using var hub = Open(server);
        Assert.Contains(
            reason, (await Assert.ThrowsAsync<CheckpointException>(() => hub.GetAsync(name))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_busy_hub_is_asked_again()
    {
        using var server = new FakeHub { BusyFor = 2 };
        using var hub = Open(server);
        Assert.True(Directory.Exists(await hub.GetAsync(Name)));
        server.BusyFor = 100;
        var error = await Assert.ThrowsAsync<CheckpointException>(() => hub.UpdateAsync(Name));
        Assert.Contains("503", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_falls_silent_is_asked_again()
    {
        int downloads = 0;
        using var server = new FakeHub();
        server.Distort = content =>
        {
            if (Interlocked.Increment(ref downloads) == 1) Thread.Sleep(TimeSpan.FromSeconds(1));
            return content;
        };
        using var hub = new ModelHub(Options(server) with { StallTimeout = TimeSpan.FromMilliseconds(500), Retries = 20 });
        var folder = await hub.GetAsync(Name);
        Assert.Equal(server.Files["model.safetensors"], await File.ReadAllBytesAsync(Path.Combine(folder, "model.safetensors")));
        Assert.True(downloads >= 2);
    }

    [Fact]
    public async Task A_cache_that_cannot_be_written_is_reported_with_what_to_do()
    {
        using var server = new FakeHub();
        _folder.Write("hub", "a file where the folder should be");
        using var hub = Open(server);
        var error = await Assert.ThrowsAsync<CheckpointException>(() => hub.GetAsync(Name));
        Assert.Contains($"to the cache at '{Cache}'", error.Message, StringComparison.Ordinal);
        Assert.Contains("set HF_HUB_CACHE", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unreachable_hub_is_reported_with_what_to_do()
    {
        var options = new HubOptions
        {
            CacheFolder = Cache,
            Endpoint = new Uri("http://127.0.0.1:1"),
            Retries = 1,
            RetryDelay = TimeSpan.FromMilliseconds(1),
        };
        using var hub = new ModelHub(options);
        var error = await Assert.ThrowsAsync<CheckpointException>(() => hub.GetAsync(Name));
        Assert.Contains("Cannot download from 'http://127.0.0.1:1/'", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../../evil.json")]
    [InlineData("/etc/evil.json")]
    [InlineData("a//b")]
    [InlineData("c:evil")]
    public async Task File_names_that_leave_the_folder_are_refused(string name)
    {
        using var server = new FakeHub { ExtraFileName = name };
        await FailsAsync(server, "leaves the model's folder");
    }

    [Fact]
    public async Task A_model_of_unknown_files_only_is_refused()
    {
        using var server = new FakeHub();
        server.Files.Remove("model.safetensors");
        server.Files.Remove("pytorch_model.bin");
        server.Files["model.pt"] = "never fetched"u8.ToArray();
        await FailsAsync(server, "only PyTorch's files under names of their own");
    }

    [Fact]
    public async Task Shards_are_downloaded_with_their_index()
    {
        using var server = new FakeHub();
        var weights = server.Files["model.safetensors"];
        server.Files.Remove("model.safetensors");
        server.Files["model-00001-of-00002.safetensors"] = weights;
        server.Files["model-00002-of-00002.safetensors"] = [.. weights.Reverse()];
        server.Files["model.safetensors.index.json"] =
            """{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"""u8.ToArray();
        using var hub = Open(server);
        var folder = await hub.GetAsync(Name);
        Assert.Equal(5, Directory.GetFiles(folder).Length);
        Assert.Equal(folder, hub.Resolve(Name));
        File.Delete(Path.Combine(folder, "model-00002-of-00002.safetensors"));
        Assert.Null(hub.TryResolve(Name));
    }

    [Fact]
    public async Task Two_downloads_at_once_share_their_work()
    {
        using var server = new FakeHub();
        using var first = Open(server);
        using var second = Open(server);
        var folders = await Task.WhenAll(first.GetAsync(Name), second.GetAsync(Name));
        Assert.Equal(folders[0], folders[1]);
        Assert.Single(server.Requests, r => r.ToStorage);
        Assert.Equal(3, Directory.GetFiles(Blobs).Length);
    }

    [Fact]
    public async Task Cancelling_stops_and_keeps_the_part_for_later()
    {
        using var server = new FakeHub { CutAfter = 2_000_000, Cuts = 1 };
        using var hub = new ModelHub(Options(server) with { RetryDelay = TimeSpan.FromMinutes(1) });
        using var cancellation = new CancellationTokenSource();
        var download = hub.GetAsync(Name, new CancelAt(1_000_000, cancellation), cancellation.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => download);
        Assert.Null(hub.TryResolve(Name));
        Assert.DoesNotContain(FakeHub.Sha256(server.Files["model.safetensors"]), Directory.GetFiles(Blobs).Select(Path.GetFileName));
        Assert.True(Directory.Exists(await hub.GetAsync(Name)));
    }

    [Fact]
    public async Task A_redirect_to_something_other_than_the_web_is_refused()
    {
        using var server = new FakeHub { RedirectTo = "ftp://127.0.0.1/model" };
        await FailsAsync(server, "redirects to 'ftp://127.0.0.1'");
    }

    [Fact]
    public async Task Lists_and_removes_cached_models()
    {
        using var server = new FakeHub();
        using var hub = Open(server);
        Assert.Empty(hub.ListCached());
        await hub.GetAsync(Name);
        var cached = Assert.Single(hub.ListCached());
        Assert.Equal(Name, cached.Name);
        Assert.True(cached.IsComplete);
        Assert.Equal(["main"], cached.Revisions);
        Assert.InRange(cached.Bytes, 3_000_000, 3_001_000);
        Assert.InRange(hub.Remove($"{Name}@main"), 3_000_000, 3_001_000);
        Assert.Empty(Directory.GetFiles(Blobs));
        Assert.False(Assert.Single(hub.ListCached()).IsComplete);
        await hub.GetAsync(Name);
        Assert.InRange(hub.Remove(Name), 3_000_000, 3_001_000);
        Assert.Empty(hub.ListCached());
        Assert.Throws<CheckpointException>(() => hub.Remove(Name));
        Assert.Throws<CheckpointException>(() => hub.Remove("../x"));
    }

    HubOptions Options(FakeHub server) =>
        new() { CacheFolder = Cache, Endpoint = server.Endpoint, Retries = 3, RetryDelay = TimeSpan.FromMilliseconds(1) };

    ModelHub Open(FakeHub server) => new(Options(server));

    async Task FailsAsync(FakeHub server, string reason)
    {
        using var hub = Open(server);
        var error = await Assert.ThrowsAsync<CheckpointException>(() => hub.GetAsync(Name));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Null(hub.TryResolve(Name));
        if (Directory.Exists(Blobs)) Assert.DoesNotContain(Directory.GetFiles(Blobs), file => Path.GetFileName(file).Length == 64);
    }

    sealed class Reports : ConcurrentQueue<DownloadProgress>, IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value) => Enqueue(value);
    }

    sealed class CancelAt(long bytes, CancellationTokenSource cancellation) : IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value)
        {
            if (value.Bytes >= bytes) cancellation.Cancel();
        }
    }
}
