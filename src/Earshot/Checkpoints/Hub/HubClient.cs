using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Earshot.Checkpoints;

/// <summary>A file on the hub: the name of its blob, its size where the server tells it, and where to get it.</summary>
sealed record HubFile(string Name, string Blob, long? Size, Uri Address);

/// <summary>The files of one commit of a model.</summary>
sealed record HubListing(string Commit, IReadOnlyList<string> Files);

/// <summary>The hub's HTTP interface. Redirects are followed by hand: the token goes to the hub itself and to no other host.</summary>
sealed class HubClient : IDisposable
{
    const int MaxRedirects = 8;
    const int MaxListingLength = 16 << 20;

    readonly HubOptions _options;
    readonly HttpClient _http;
    volatile bool _answered;

    public HubClient(HubOptions options)
    {
        // Checked here, because the message of a header that cannot be sent would show the token.
        if (options.Token is { } token && !token.All(c => c is > ' ' and <= '~'))
            throw new CheckpointException(
                "The access token for the hub has spaces or other characters that no token has. " +
                "Correct HF_TOKEN, or the file that holds the token.");
        _options = options;
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = options.StallTimeout })
        {
            // Large files take as long as they take; silence is watched by StallTimeout.
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = MaxListingLength,
        };
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("earshot/0.1");
    }

    /// <summary>The commit of a revision, and its files.</summary>
    public async Task<HubListing> ListAsync(HubModelName model, CancellationToken cancellationToken)
    {
        var address = Address($"api/models/{model.Id}/revision/{Uri.EscapeDataString(model.Revision)}");
        return await RetryAsync(async token =>
        {
            using var response = await FollowAsync(HttpMethod.Get, address, null, anyHost: false, token).ConfigureAwait(false);
            HubErrors.ThrowIfRefused(response, model, null, _options);
            var content = await response.Content.ReadAsByteArrayAsync(token).ConfigureAwait(false);
            return ReadListing(address.ToString(), content, model);
        }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What a file is, without its content.</summary>
    public async Task<HubFile> DescribeAsync(HubModelName model, string commit, string file, CancellationToken cancellationToken)
    {
        var path = string.Join('/', file.Split('/').Select(Uri.EscapeDataString));
        var address = Address($"{model.Id}/resolve/{commit}/{path}");
        return await RetryAsync(async token =>
        {
            using var response = await FollowAsync(HttpMethod.Head, address, null, anyHost: false, token).ConfigureAwait(false);
            if ((int)response.StatusCode >= 400) HubErrors.ThrowIfRefused(response, model, file, _options);
            if (Header(response, "X-Repo-Commit") is { } served && served != commit)
                throw new CheckpointException(
                    $"'{_options.Endpoint.Host}' served commit '{served}' of '{model}' instead of '{commit}'. Try again later.");
            var blob =
                (Header(response, "X-Linked-Etag") ?? Header(response, "ETag") ?? "").Replace("W/", "", StringComparison.Ordinal).Trim('"');
            if (blob.Length is 0 or > 128 || !blob.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
                throw new CheckpointException(
                    $"'{_options.Endpoint.Host}' gives '{file}' of '{model}' the ETag '{blob}'; expected a hash. " +
                    "Check HF_ENDPOINT: this is not a model hub.");
            long? size = long.TryParse(Header(response, "X-Linked-Size"), out long linked) && linked >= 0 ? linked
                : (int)response.StatusCode < 300 ? response.Content.Headers.ContentLength : null;
            return new HubFile(file, blob, size, address);
        }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Asks for a file's content from a position on; the response's content is still to be read.</summary>
    public async Task<HttpResponseMessage> OpenAsync(HubModelName model, HubFile file, long from, CancellationToken cancellationToken)
    {
        var range = from > 0 ? new RangeHeaderValue(from, null) : null;
        var response = await FollowAsync(HttpMethod.Get, file.Address, range, anyHost: true, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable) return response;
        try
        {
            HubErrors.ThrowIfRefused(response, model, file.Name, _options);
            return response;
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Tries again, with growing waits, what fails for reasons that pass. A hub that has never answered is given up after
    /// <see cref="HubOptions.ContactTimeout"/> in all: most likely there is no network, and somebody waits to be told so.
    /// </summary>
    public async Task<T> RetryAsync<T>(Func<CancellationToken, Task<T>> attempt, CancellationToken cancellationToken)
    {
        long started = _options.Clock.GetTimestamp();
        for (int failures = 0; ; failures++)
        {
            var limit = Limit(started);
            using var stall = new CancellationTokenSource(limit, _options.Clock);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stall.Token);
            try
            {
                return await attempt(either.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (HubErrors.MayPass(e, cancellationToken))
            {
                if (failures >= _options.Retries || !_answered && Limit(started) <= Delay(failures))
                    throw HubErrors.Unreachable(e, _options, limit);
            }
            await WaitAsync(failures, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Waits before the next attempt: twice as long after each failure, but a minute at most.</summary>
    public Task WaitAsync(int failures, CancellationToken cancellationToken) =>
        Task.Delay(Delay(failures), _options.Clock, cancellationToken);

    /// <summary>How long an attempt may take.</summary>
    TimeSpan Limit(long started)
    {
        if (_answered) return _options.StallTimeout;
        var left = _options.ContactTimeout - _options.Clock.GetElapsedTime(started);
        return left < TimeSpan.Zero ? TimeSpan.Zero : left < _options.StallTimeout ? left : _options.StallTimeout;
    }

    TimeSpan Delay(int failures) => TimeSpan.FromSeconds(Math.Min(_options.RetryDelay.TotalSeconds * Math.Pow(2, failures), 60));

    public void Dispose() => _http.Dispose();

    Uri Address(string path) => new($"{_options.Endpoint.ToString().TrimEnd('/')}/{path}");

    /// <summary>
    /// Follows redirects; with <paramref name="anyHost"/> false a redirect away from the hub is the answer, since its headers describe the
    /// file.
    /// </summary>
    async Task<HttpResponseMessage> FollowAsync(
        HttpMethod method, Uri address, RangeHeaderValue? range, bool anyHost, CancellationToken cancellationToken)
    {
        for (int redirects = 0; redirects <= MaxRedirects; redirects++)
        {
            using var request = new HttpRequestMessage(method, address);
            request.Headers.Range = range;
            request.Headers.AcceptEncoding.ParseAdd("identity");
            if (_options.Token is { } token && IsHub(address))
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken)
                .ConfigureAwait(false);
            _answered = true;
            if ((int)response.StatusCode is < 300 or >= 400 || response.Headers.Location is not { } location) return response;
            var target = new Uri(address, location);
            if (!anyHost && !IsHub(target)) return response;
            response.Dispose();
            bool downgrade = address.Scheme == Uri.UriSchemeHttps && target.Scheme != Uri.UriSchemeHttps;
            if (downgrade || target.Scheme is not ("http" or "https"))
                throw new CheckpointException(
                    $"'{address.Host}' redirects to '{target.Scheme}://{target.Host}', which is not secure. Check HF_ENDPOINT.");
            address = target;
        }
        throw new CheckpointException($"'{address.Host}' redirects more than {MaxRedirects} times. Check HF_ENDPOINT.");
    }

    bool IsHub(Uri address) => address.Scheme == _options.Endpoint.Scheme && address.Authority == _options.Endpoint.Authority;

    static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : null;

    static HubListing ReadListing(string address, byte[] content, HubModelName model)
    {
        using var settings = SettingsFile.Parse(address, content);
        var commit = settings.OptionalText("sha");
        if (commit is null || !HubCache.IsCommit(commit)) throw settings.Wrong("sha", "the hash of a commit", commit ?? "nothing");
        var files = new List<string>();
        if (!settings.Has("siblings")) throw settings.Wrong("siblings", "the list of files", "nothing");
        foreach (var item in settings.Array(settings.Root.GetProperty("siblings"), "siblings"))
        {
            var name = item.ValueKind == JsonValueKind.Object && item.TryGetProperty("rfilename", out var value)
                && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
            if (!IsInside(name))
            {
                throw new CheckpointException(
                    $"The hub lists '{name}' among the files of '{model}', a name that leaves the model's folder. " +
                    "Do not trust this model.");
            }
            files.Add(name);
        }
        return new HubListing(commit, files);
    }

    static bool IsInside(string name) =>
        name.AsSpan().IndexOfAny("\\:\0") < 0 && name.Split('/').All(part => part.Length > 0 && part is not ("." or ".."));
}
