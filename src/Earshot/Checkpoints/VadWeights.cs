using System.Net;
using System.Security.Cryptography;

namespace Earshot.Checkpoints;

/// <summary>
/// The weights of Silero's voice activity detector: from EARSHOT_VAD (a file), else from the models in the box, else from the
/// cache, else downloaded once from the detector's own repository, pinned by hash.
/// </summary>
public static class VadWeights
{
    /// <summary>Names the file to use, before any other place.</summary>
    public const string FileVariable = "EARSHOT_VAD";

    /// <summary>Names another address to download from, such as a mirror.</summary>
    public const string AddressVariable = "EARSHOT_VAD_URL";

    const string FileName = "silero_vad_16k.safetensors";
    const string Commit = "d5b52843f79c97810940534f3433e162470af83d";
    const string Address = $"https://raw.githubusercontent.com/snakers4/silero-vad/{Commit}/src/silero_vad/data/{FileName}";
    const string Hash = "c59271c284ae9c8335d795d60e0bfdb71aaaceec578d9bd9ffc1b8153c319ea1";
    const int MostBytes = 16 << 20;

    /// <summary>The file where it is already here, or null.</summary>
    /// <exception cref="CheckpointException">EARSHOT_VAD names a file that is not there.</exception>
    public static string? Find(HubOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (Environment.GetEnvironmentVariable(FileVariable) is { Length: > 0 } named)
        {
            if (!File.Exists(named))
                throw new CheckpointException($"{FileVariable} names '{named}', which does not exist; expected the path of {FileName}.");
            return named;
        }
        if (BundledModels.Find(BundledModels.SileroVad) is { } bundled && Path.Combine(bundled, FileName) is var file && File.Exists(file))
            return file;
        var cached = CachedPath(options);
        return File.Exists(cached) ? cached : null;
    }

    /// <summary>The file, downloaded where it is not here yet.</summary>
    /// <exception cref="CheckpointException">It cannot be had: offline, unreachable, or not the expected content.</exception>
    public static async Task<string> GetAsync(
        HubOptions options, IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        if (Find(options) is { } found) return found;
        var address = Environment.GetEnvironmentVariable(AddressVariable) is { Length: > 0 } mirror ? mirror : Address;
        if (options.Offline)
        {
            throw new CheckpointException(
                $"The voice activity detector is not in '{CachedPath(options)}' and HF_HUB_OFFLINE forbids downloading. " +
                $"Put {FileName} there, or name it in {FileVariable}.");
        }
        byte[] bytes;
        try
        {
            bytes = await DownloadAsync(new Uri(address), options, progress, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or TimeoutException or UriFormatException
            || e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            throw new CheckpointException(
                $"The voice activity detector could not be downloaded from {address}: " +
                $"{e.Message} Put {FileName} into '{Path.GetDirectoryName(CachedPath(options))}', name it in {FileVariable}, " +
                "or transcribe without voice activity detection.", e);
        }
        var hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        if (hash != Hash)
        {
            throw new CheckpointException(
                $"{address}: SHA-256 is {hash}, expected {Hash}. The file was changed or damaged on the way; nothing was kept.");
        }
        return Keep(CachedPath(options), bytes);
    }

    static string CachedPath(HubOptions options) =>
        Path.Combine(
            Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(options.CacheFolder)) ?? options.CacheFolder, "earshot", FileName);

    static async Task<byte[]> DownloadAsync(
        Uri address, HubOptions options, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { Timeout = options.ContactTimeout };
        using var response = await client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, cancellationToken)
            .ConfigureAwait(false);
        if (response.StatusCode != HttpStatusCode.OK) throw new HttpRequestException($"the server answered {(int)response.StatusCode}.");
        using var content = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        using var kept = new MemoryStream();
        var buffer = new byte[64 << 10];
        int count;
        while ((count = await content.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            kept.Write(buffer, 0, count);
            if (kept.Length > MostBytes) throw new HttpRequestException($"the answer is larger than {MostBytes} bytes.");
            progress?.Report(new DownloadProgress(FileName, kept.Length, response.Content.Headers.ContentLength));
        }
        return kept.ToArray();
    }

    static string Keep(string path, byte[] bytes)
    {
        var temporary = $"{path}.{Environment.ProcessId}.incomplete";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(temporary, bytes);
            File.Move(temporary, path, overwrite: true);
            return path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"'{path}' cannot be written: {e.Message}", e);
        }
        finally
        {
            if (File.Exists(temporary)) File.Delete(temporary);
        }
    }
}
