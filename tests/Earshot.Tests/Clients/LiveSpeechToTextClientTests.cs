using Earshot.Audio;
using Earshot.Clients;
using Earshot.Live;
using Earshot.Tests.Models;
using Microsoft.Extensions.AI;

namespace Earshot.Tests.Clients;

public class LiveSpeechToTextClientTests
{
    [Fact]
    public async Task A_stream_is_written_while_it_comes()
    {
        var options = new LiveOptions { Policy = new LocalAgreement { Step = TimeSpan.FromSeconds(2) }, Paces = [] };
        var transcriber = await WhisperBase.ShippedAsync();
        using var client = transcriber.AsLiveSpeechToTextClient(options);
        using var sound = File.OpenRead(TestRecordings.Path("jfk.wav"));
        var updates = new List<SpeechToTextResponseUpdate>();
        await foreach (var update in client.GetStreamingTextAsync(sound, new SpeechToTextOptions { SpeechLanguage = "en" }))
            updates.Add(update);
        Assert.Equal(SpeechToTextResponseUpdateKind.SessionOpen, updates[0].Kind);
        Assert.Equal(SpeechToTextResponseUpdateKind.SessionClose, updates[^1].Kind);
        Assert.Contains(updates, update => update.Kind == SpeechToTextResponseUpdateKind.TextUpdating);
        var text = string.Concat(updates.Where(update => update.Kind == SpeechToTextResponseUpdateKind.TextUpdated)
            .Select(update => update.Text));
        Assert.Contains("what your country can do for you", text, StringComparison.OrdinalIgnoreCase);
        Assert.True(sound.CanRead);
    }

    [Fact]
    public async Task What_a_request_asks_for_and_cannot_have_is_refused()
    {
        using var client = (await WhisperBase.ShippedAsync()).AsLiveSpeechToTextClient();
        var asked = new (SpeechToTextOptions Options, string Says)[]
        {
            (new SpeechToTextOptions { ModelId = "whisper-enormous" }, "whisper-enormous"),
            (new SpeechToTextOptions { SpeechLanguage = "de", TextLanguage = "fr" }, "'fr'"),
            (new SpeechToTextOptions { TextLanguage = "fr" }, "SpeechLanguage"),
        };
        foreach (var (options, says) in asked)
        {
            var refused = await Assert.ThrowsAsync<ModelException>(async () =>
            {
                await foreach (var _ in client.GetStreamingTextAsync(new MemoryStream(), options)) { }
            });
            Assert.Contains(says, refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_is_no_recording_is_refused_by_name()
    {
        using var client = (await WhisperBase.ShippedAsync()).AsLiveSpeechToTextClient();
        await Assert.ThrowsAsync<AudioFormatException>(async () =>
        {
            await foreach (var _ in client.GetStreamingTextAsync(new MemoryStream("no sound at all"u8.ToArray()))) { }
        });
    }
}
