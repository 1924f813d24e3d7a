using System.Runtime.CompilerServices;

namespace Earshot.Transcription;

/// <summary>Transcripts of channels in the order of time.</summary>
public static class ChannelMerge
{
    /// <summary>
    /// The segments of several transcriptions by their start, numbered anew; of one alone, as they are. Each may run while another's
    /// segment is used.
    /// </summary>
    public static async IAsyncEnumerable<Segment> InTime(
        IReadOnlyList<IAsyncEnumerable<Segment>> channels, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(channels);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var streams = channels.Select(channel => channel.GetAsyncEnumerator(stop.Token)).ToList();
        var heads = new Task<bool>[streams.Count];
        try
        {
            for (int i = 0; i < heads.Length; i++) heads[i] = streams[i].MoveNextAsync().AsTask();
            for (int id = 0; ; id++)
            {
                int next = -1;
                for (int i = 0; i < heads.Length; i++)
                {
                    if (await heads[i].ConfigureAwait(false) && (next < 0 || streams[i].Current.Start < streams[next].Current.Start))
                        next = i;
                }
                if (next < 0) yield break;
                var segment = streams[next].Current;
                heads[next] = streams[next].MoveNextAsync().AsTask();
                yield return streams.Count == 1 ? segment : segment with { Id = id };
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            for (int i = 0; i < streams.Count; i++)
            {
                // One that still runs cannot be disposed of; how it ends does not matter any more.
                if (heads[i] is { } head)
                {
                    await head
                        .ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default)
                        .ConfigureAwait(false);
                }
                await streams[i].DisposeAsync().ConfigureAwait(false);
            }
        }
    }
}
