// Transcribes a recording with the model in the box.
using Earshot.Transcription;

if (args is not [var recording])
{
    Console.Error.WriteLine("Name a recording: TranscribeFile talk.wav");
    return 2;
}

using var transcriber = await Transcriber.LoadAsync();
await foreach (var segment in transcriber.TranscribeAsync(recording))
    Console.WriteLine($"{segment.Start:mm\\:ss} – {segment.End:mm\\:ss} {segment.Text.Trim()}");
return 0;
