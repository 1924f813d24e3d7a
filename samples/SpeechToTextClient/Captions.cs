using Microsoft.Extensions.AI;

namespace SpeechToTextClient;

/// <summary>Writes what is said in a recording, line by line, with whatever speech-to-text client it is given.</summary>
internal sealed class Captions(ISpeechToTextClient speech)
{
    public async Task WriteAsync(string recording, TextWriter output, CancellationToken cancellationToken = default)
    {
        await using var audio = File.OpenRead(recording);
        await foreach (var update in speech.GetStreamingTextAsync(audio, cancellationToken: cancellationToken))
        {
            // Updates without text tell that the session opens and closes.
            if (update.Kind == SpeechToTextResponseUpdateKind.TextUpdated)
                await output.WriteLineAsync($"[{update.StartTime:mm\\:ss}] {update.Text.Trim()}".AsMemory(), cancellationToken);
        }
    }
}
