using Earshot.Recognition;

namespace Earshot.Tests.Live;

public class EncodingTurnsTests
{
    [Fact]
    public async Task The_earliest_deadline_comes_first_and_who_gave_up_is_passed_over()
    {
        var turns = new EncodingTurns();
        var order = new List<long>();
        using var stop = new CancellationTokenSource();
        var first = await turns.TakeAsync(100, default);
        var waiting = new[] { 30L, 10, 20, 10 }.Select(deadline => EncodeAsync(turns, deadline, order)).ToList();
        var gone = turns.TakeAsync(5, stop.Token).AsTask();
        Assert.Equal(5, turns.Waiting);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        first.Dispose();
        await Task.WhenAll(waiting);
        Assert.Equal([10, 10, 20, 30], order);
        (await turns.TakeAsync(0, default)).Dispose();
    }

    static async Task EncodeAsync(EncodingTurns turns, long deadline, List<long> order)
    {
        using var turn = await turns.TakeAsync(deadline, default);
        order.Add(deadline);
    }
}
