using System.Threading.Channels;
using Earshot.Audio;

namespace Earshot.Live;

/// <summary>What comes in, in order: sound, or a request that all before it becomes final.</summary>
readonly record struct QueuedSound(float[]? Samples, TaskCompletionSource? Flushed);

/// <summary>
/// Sound that waits to be heard, converted to 16 kHz as it comes; no more of it than the bound, beyond which its bringer waits or is
/// refused. One bringer at a time.
/// </summary>
sealed class AudioQueue(long most, LiveOverflow overflow)
{
    // Bounds what a long piece is cut into.
    const int Block = SampleStream.SampleRate;

    readonly Lock _gate = new();
    readonly Channel<QueuedSound> _items = Channel.CreateUnbounded<QueuedSound>(new UnboundedChannelOptions { SingleReader = true });
    readonly float[] _block = new float[Block];
    Resampler? _resampler;
    int _rate;
    long _waiting;
    TaskCompletionSource _room = NewSource();

    public ChannelReader<QueuedSound> Items => _items.Reader;

    /// <summary>Samples that wait.</summary>
    public long Waiting => Interlocked.Read(ref _waiting);

    public async ValueTask WriteAsync(ReadOnlyMemory<float> samples, int rate, CancellationToken cancellationToken)
    {
        if (_rate != rate)
        {
            await EndRateAsync(cancellationToken).ConfigureAwait(false);
            (_resampler, _rate) = (rate == SampleStream.SampleRate ? null : new Resampler(rate), rate);
        }
        for (int at = 0; at < samples.Length; at += Block)
        {
            var piece = samples.Slice(at, Math.Min(Block, samples.Length - at));
            if (_resampler is null)
            {
                await PutAsync(Copy(piece.Span), cancellationToken).ConfigureAwait(false);
                continue;
            }
            _resampler.Write(Copy(piece.Span));
            await DrainAsync(_resampler, cancellationToken).ConfigureAwait(false);
        }
    }

    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        await EndRateAsync(cancellationToken).ConfigureAwait(false);
        var flushed = NewSource();
        if (!_items.Writer.TryWrite(new QueuedSound(null, flushed))) throw Closed();
        await flushed.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>No more sound comes.</summary>
    public async ValueTask CompleteAsync(CancellationToken cancellationToken)
    {
        await EndRateAsync(cancellationToken).ConfigureAwait(false);
        _items.Writer.TryComplete();
    }

    /// <summary>No more sound is taken.</summary>
    public void Close(Exception? failure)
    {
        _items.Writer.TryComplete();
        while (_items.Reader.TryRead(out var item)) item.Flushed?.TrySetException(failure ?? Closed());
        lock (_gate) _room.TrySetException(failure ?? Closed());
        // Nobody may be waiting.
        _ = _room.Task.Exception;
    }

    /// <summary>So many samples do not wait any more.</summary>
    public void Taken(int samples)
    {
        lock (_gate)
        {
            _waiting -= samples;
            if (_room.TrySetResult()) _room = NewSource();
        }
    }

    // What a filter still holds is sound too.
    async ValueTask EndRateAsync(CancellationToken cancellationToken)
    {
        if (_resampler is not { } resampler) return;
        (_resampler, _rate) = (null, 0);
        resampler.Complete();
        await DrainAsync(resampler, cancellationToken).ConfigureAwait(false);
    }

    async ValueTask DrainAsync(Resampler resampler, CancellationToken cancellationToken)
    {
        while (resampler.Read(_block) is > 0 and var count)
            await PutAsync(_block.AsSpan(0, count).ToArray(), cancellationToken).ConfigureAwait(false);
    }

    async ValueTask PutAsync(float[] samples, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task room;
            lock (_gate)
            {
                if (_waiting == 0 || _waiting + samples.Length <= most)
                {
                    if (!_items.Writer.TryWrite(new QueuedSound(samples, null))) throw Closed();
                    _waiting += samples.Length;
                    return;
                }
                room = _room.Task;
            }
            if (overflow == LiveOverflow.Refuse)
            {
                throw new OverloadedException(
                    $"{(double)_waiting / SampleStream.SampleRate:F1} s of sound wait to be heard, and there is room for " +
                    $"{(double)most / SampleStream.SampleRate:F1} s. Bring it more slowly, or choose {nameof(LiveOverflow)}." +
                    $"{nameof(LiveOverflow.Wait)}.");
            }
            await room.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    // A sample that is no number would spoil all sums behind it.
    static float[] Copy(ReadOnlySpan<float> samples)
    {
        var copy = samples.ToArray();
        foreach (ref float sample in copy.AsSpan())
        {
            if (!float.IsFinite(sample)) sample = 0;
        }
        return copy;
    }

    static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    static InvalidOperationException Closed() => new("The live stream was completed or closed; it takes no more sound.");
}
