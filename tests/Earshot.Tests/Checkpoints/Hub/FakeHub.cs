using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Earshot.Checkpoints;

/// <summary>A request that the fake hub answered.</summary>
sealed record HubRequest(string Method, string Path, string? Authorization, string? Range, bool ToStorage);

/// <summary>A model hub on this machine: an interface with metadata, and a second server that stores the large files.</summary>
sealed class FakeHub : IDisposable
{
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    readonly HttpListener _api;
    readonly HttpListener _storage;
    readonly Uri _storageAddress;
    int _cuts;

    public FakeHub()
    {
        (_api, Endpoint) = Listen();
        (_storage, _storageAddress) = Listen();
        _ = ServeAsync(_api, Answer);
        _ = ServeAsync(_storage, AnswerContent);
        Files["config.json"] = Encoding.UTF8.GetBytes("""{"model_type": "whisper"}""");
        Files["tokenizer.json"] = Encoding.UTF8.GetBytes("{}");
        Files["README.md"] = "not needed"u8.ToArray();
        Files["pytorch_model.bin"] = "never fetched"u8.ToArray();
        var weights = new byte[3_000_000];
        new Random(1).NextBytes(weights);
        Files["model.safetensors"] = weights;
    }

    public Uri Endpoint { get; }

    public Dictionary<string, byte[]> Files { get; } = [];

    public ConcurrentQueue<HubRequest> Requests { get; } = [];

    /// <summary>A token without which nothing is served.</summary>
    public string? RequiredToken { get; init; }

    /// <summary>What is said to those without the token, such as GatedRepo.</summary>
    public string? ErrorCode { get; init; }

    /// <summary>After how many bytes each of the first <see cref="Cuts"/> downloads of large files breaks off.</summary>
    public int CutAfter { get; init; }

    public int Cuts { get; init; }

    /// <summary>How many requests to the interface are first answered with 503.</summary>
    public int BusyFor { get; set; }

    /// <summary>Changes what the storage sends.</summary>
    public Func<byte[], byte[]> Distort { get; set; } = content => content;

    public bool IgnoresRange { get; init; }

    public string? ExtraFileName { get; init; }

    /// <summary>Where the storage's requests are sent instead.</summary>
    public string? RedirectTo { get; init; }

    public static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    public static string GitHash(byte[] content)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        hash.AppendData(Encoding.ASCII.GetBytes($"blob {content.Length}\0"));
        hash.AppendData(content);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public void Dispose()
    {
        ((IDisposable)_api).Dispose();
        ((IDisposable)_storage).Dispose();
    }

    static (HttpListener, Uri) Listen()
    {
        while (true)
        {
            using var probe = new TcpListener(IPAddress.Loopback, 0);
            probe.Start();
            int port = ((IPEndPoint)probe.LocalEndpoint).Port;
            probe.Stop();
            var listener = new HttpListener();
            listener.Prefixes.Add($"http://127.0.0.1:{port}/");
            try
            {
                listener.Start();
                return (listener, new Uri($"http://127.0.0.1:{port}"));
            }
            catch (HttpListenerException)
            {
                // Somebody else was quicker; take another port.
                listener.Close();
            }
        }
    }

    static async Task ServeAsync(HttpListener listener, Action<HttpListenerContext> answer)
    {
        while (listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await listener.GetContextAsync().ConfigureAwait(false);
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }
            _ = Task.Run(() =>
            {
                try
                {
                    answer(context);
                    context.Response.Close();
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException or IOException)
                {
                    // The client has gone, or the connection was cut on purpose.
                    context.Response.Abort();
                }
            });
        }
    }

    void Record(HttpListenerRequest request, bool toStorage) =>
        Requests.Enqueue(
            new(request.HttpMethod, request.Url!.AbsolutePath, request.Headers["Authorization"], request.Headers["Range"], toStorage));

    void Answer(HttpListenerContext context)
    {
        Record(context.Request, toStorage: false);
        var response = context.Response;
        if (BusyFor > 0)
        {
            BusyFor--;
            response.StatusCode = 503;
            return;
        }
        if (RequiredToken is not null && context.Request.Headers["Authorization"] != $"Bearer {RequiredToken}")
        {
            response.StatusCode = 401;
            if (ErrorCode is not null) response.AddHeader("X-Error-Code", ErrorCode);
            return;
        }
        var path = context.Request.Url!.AbsolutePath;
        if (path == "/api/models/org/model/revision/main") SendListing(response);
        else if (path.StartsWith($"/org/model/resolve/{Commit}/", StringComparison.Ordinal)) Resolve(context, path.Split('/')[^1]);
        else if (path.StartsWith("/api/models/org/model/", StringComparison.Ordinal)) Refuse(response, "RevisionNotFound");
        else Refuse(response, "RepoNotFound");
    }

    void SendListing(HttpListenerResponse response)
    {
        var names = Files.Keys.Concat(ExtraFileName is null ? [] : [ExtraFileName]);
        var siblings = string.Join(',', names.Select(name => $"{{\"rfilename\":\"{name}\"}}"));
        response.OutputStream.Write(Encoding.UTF8.GetBytes($"{{\"id\":\"org/model\",\"sha\":\"{Commit}\",\"siblings\":[{siblings}]}}"));
    }

    void Resolve(HttpListenerContext context, string name)
    {
        var response = context.Response;
        var content = Files[name];
        response.AddHeader("X-Repo-Commit", Commit);
        if (name.EndsWith(".safetensors", StringComparison.Ordinal))
        {
            response.StatusCode = 302;
            response.AddHeader("X-Linked-Etag", $"\"{Sha256(content)}\"");
            response.AddHeader("X-Linked-Size", content.Length.ToString(CultureInfo.InvariantCulture));
            response.AddHeader("Location", RedirectTo ?? new Uri(_storageAddress, name).ToString());
            return;
        }
        response.AddHeader("ETag", $"W/\"{GitHash(content)}\"");
        response.ContentLength64 = content.Length;
        if (context.Request.HttpMethod != "HEAD") response.OutputStream.Write(content);
    }

    void AnswerContent(HttpListenerContext context)
    {
        Record(context.Request, toStorage: true);
        var content = Distort(Files[context.Request.Url!.AbsolutePath.TrimStart('/')]);
        var response = context.Response;
        int from = 0;
        if (context.Request.Headers["Range"] is { } range && !IgnoresRange)
        {
            from = int.Parse(range["bytes=".Length..^1], CultureInfo.InvariantCulture);
            response.StatusCode = 206;
            response.AddHeader("Content-Range", $"bytes {from}-{content.Length - 1}/{content.Length}");
        }
        response.ContentLength64 = content.Length - from;
        bool cut = CutAfter > 0 && Interlocked.Increment(ref _cuts) <= Cuts;
        response.OutputStream.Write(content, from, cut ? Math.Min(CutAfter, content.Length - from) : content.Length - from);
        if (!cut) return;
        response.OutputStream.Flush();
        response.Abort();
    }

    static void Refuse(HttpListenerResponse response, string code)
    {
        response.StatusCode = 404;
        response.AddHeader("X-Error-Code", code);
    }
}
