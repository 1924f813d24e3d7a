using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Earshot.Checkpoints;

/// <summary>How far the download of a file is.</summary>
/// <param name="Bytes">Bytes on disk, those of an earlier attempt included.</param>
/// <param name="Total">The file's size; null where the server does not tell.</param>
public sealed record DownloadProgress(string File, long Bytes, long? Total);

/// <summary>Brings one file into the cache: resumed where it was cut, checked against its hash, and only then given its name.</summary>
sealed class HubDownload(HubClient client, HubOptions options, HubCache cache, HubModelName model)
{
    const int BufferSize = 1 << 17;
    const long ReportEvery = 1 << 20;

    /// <summary>Downloads a file unless its blob is there already, and places it in the commit's snapshot.</summary>
    public async Task RunAsync(string commit, string fileName, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        var file = await client.DescribeAsync(model, commit, fileName, cancellationToken).ConfigureAwait(false);
        try
        {
            Directory.CreateDirectory(cache.BlobsOf(model));
            var blob = Path.Combine(cache.BlobsOf(model), file.Blob);
            using (await LockAsync(cache.LockOf(model, file.Blob), cancellationToken).ConfigureAwait(false))
            {
                // Another process may have finished it while this one waited.
                if (!File.Exists(blob))
                {
                    await FetchAsync(file, blob + ".incomplete", progress, cancellationToken).ConfigureAwait(false);
                    File.Move(blob + ".incomplete", blob);
                }
                cache.Place(model, commit, fileName, file.Blob);
            }
            long size = new FileInfo(blob).Length;
            progress?.Report(new DownloadProgress(fileName, size, size));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(
                $"Cannot write '{fileName}' of '{model}' to the cache at '{cache.Root}': {e.Message} Free space there, " +
                "or set HF_HUB_CACHE to another folder.", e);
        }
    }

    /// <summary>Refuses a model whose files, those that are not here yet together, have no room on the disk.</summary>
    /// <exception cref="CheckpointException">They have none.</exception>
    public async Task RequireSpaceAsync(string commit, IReadOnlyList<string> files, CancellationToken cancellationToken)
    {
        // A single file is held against the disk as its download begins.
        if (files.Count < 2) return;
        long needed = 0;
        foreach (var name in files)
        {
            var file = await client.DescribeAsync(model, commit, name, cancellationToken).ConfigureAwait(false);
            var blob = Path.Combine(cache.BlobsOf(model), file.Blob);
            long present = File.Exists(blob) ? file.Size ?? 0
                : new FileInfo(blob + ".incomplete") is { Exists: true } part ? part.Length : 0;
            needed += Math.Max(0, (file.Size ?? 0) - present);
        }
        RequireSpace($"'{model}' ({files.Count} files of weights)", needed, cache.Root);
    }

    async Task FetchAsync(HubFile file, string path, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        bool resumed = await ReceiveAsync(file, path, progress, cancellationToken).ConfigureAwait(false);
        if (await IsIntactAsync(file, path, cancellationToken).ConfigureAwait(false)) return;
        File.Delete(path);
        if (resumed)
        {
            // The part from before may have been damaged; a whole new download tells.
            await ReceiveAsync(file, path, progress, cancellationToken).ConfigureAwait(false);
            if (await IsIntactAsync(file, path, cancellationToken).ConfigureAwait(false)) return;
            File.Delete(path);
        }
        throw new CheckpointException(
            $"'{file.Name}' of '{model}' arrived damaged: its content does not have the hash '{file.Blob}'. It was deleted; " +
            "try again, and if that does not help, look for a proxy that changes downloads.");
    }

    /// <summary>Receives until the file is whole, through cuts and busy servers; true where it began with an earlier part.</summary>
    async Task<bool> ReceiveAsync(HubFile file, string path, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        await using var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, useAsync: true);
        if (stream.Length > file.Size) stream.SetLength(0);
        bool resumed = stream.Length > 0;
        CheckSpace(file, stream.Length, path);
        int failures = 0;
        while (true)
        {
            long before = stream.Length;
            try
            {
                if (stream.Length == file.Size) return resumed;
                await ReceiveOnceAsync(file, stream, progress, cancellationToken).ConfigureAwait(false);
                if (file.Size is null || stream.Length == file.Size) return resumed;
                throw new IOException($"the connection ended at byte {stream.Length} of {file.Size}");
            }
            catch (Exception e) when (e is not CheckpointException && HubErrors.MayPass(e, cancellationToken))
            {
                // Bytes that arrived show that the way is open.
                failures = stream.Length > before ? 0 : failures + 1;
                if (failures > options.Retries) throw HubErrors.Unreachable(e, options, options.StallTimeout);
            }
            await client.WaitAsync(failures, cancellationToken).ConfigureAwait(false);
        }
    }

    async Task ReceiveOnceAsync(HubFile file, FileStream stream, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        using var silence = new CancellationTokenSource(options.StallTimeout, options.Clock);
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, silence.Token);
        // Without the size, a part cannot be told from the whole.
        if (file.Size is null) stream.SetLength(0);
        using var response = await client.OpenAsync(model, file, stream.Length, stall.Token).ConfigureAwait(false);
        bool continues = response.StatusCode == HttpStatusCode.PartialContent
            && response.Content.Headers.ContentRange?.From == stream.Length;
        if (!continues) stream.SetLength(0);
        if (!continues && response.StatusCode != HttpStatusCode.OK) throw new BusyHubException(response.StatusCode);
        stream.Position = stream.Length;
        await using var content = await response.Content.ReadAsStreamAsync(stall.Token).ConfigureAwait(false);
        var buffer = new byte[BufferSize];
        long reported = 0;
        while (true)
        {
            int read = await content.ReadAsync(buffer, stall.Token).ConfigureAwait(false);
            if (read == 0) return;
            silence.CancelAfter(options.StallTimeout);
            if (stream.Length + read > file.Size)
                throw new CheckpointException(
                    $"'{file.Name}' of '{model}' is longer than the {file.Size} bytes that the hub announced. Try again; " +
                    "if that does not help, look for a proxy that changes downloads.");
            await WriteAsync(stream, buffer.AsMemory(0, read), file, cancellationToken).ConfigureAwait(false);
            if (stream.Length - reported < ReportEvery) continue;
            reported = stream.Length;
            progress?.Report(new DownloadProgress(file.Name, reported, file.Size));
        }
    }

    /// <summary>Failures to write are the disk's, and trying again does not help.</summary>
    async Task WriteAsync(FileStream stream, ReadOnlyMemory<byte> bytes, HubFile file, CancellationToken cancellationToken)
    {
        try
        {
            await stream.WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            throw new CheckpointException(
                $"Cannot write '{file.Name}' of '{model}' to the cache at '{cache.Root}': {e.Message} Free space there, " +
                "or set HF_HUB_CACHE to another folder.", e);
        }
    }

    void CheckSpace(HubFile file, long present, string path)
    {
        RequireSpace($"'{file.Name}' of '{model}'", (file.Size ?? 0) - present, path);
    }

    void RequireSpace(string what, long needed, string path)
    {
        if (options.FreeSpace(path) is not { } free || needed <= free) return;
        throw new CheckpointException(
            $"{what} needs {Megabytes(needed)} more at '{cache.Root}', which has {Megabytes(free)} free. " +
            "Free space there, or set HF_HUB_CACHE to another folder.");
    }

    static string Megabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:F1} MB");

    /// <summary>
    /// Blobs are named by their hash: SHA-256 of the content for large files, git's SHA-1 for others; other names tell nothing.
    /// </summary>
    static async Task<bool> IsIntactAsync(HubFile file, string path, CancellationToken cancellationToken)
    {
        if (!file.Blob.All(char.IsAsciiHexDigitLower) || file.Blob.Length is not (40 or 64)) return true;
        bool large = file.Blob.Length == 64;
        using var hash = IncrementalHash.CreateHash(large ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        await using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, useAsync: true);
        if (!large) hash.AppendData(Encoding.ASCII.GetBytes($"blob {stream.Length}\0"));
        var buffer = new byte[BufferSize];
        while (await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is var read and > 0)
            hash.AppendData(buffer, 0, read);
        return Convert.ToHexStringLower(hash.GetCurrentHash()) == file.Blob;
    }

    /// <summary>Holds off other processes that want the same blob; a crash frees the lock.</summary>
    static async Task<FileStream> LockAsync(string path, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
            }
            catch (IOException) when (File.Exists(path))
            {
                await Task.Delay(100, cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
