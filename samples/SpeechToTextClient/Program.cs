// Speech to text as a service: the application asks for an ISpeechToTextClient, and only this file knows that Earshot stands behind it.
using Earshot.Transcription;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using SpeechToTextClient;

if (args is not [var recording])
{
    Console.Error.WriteLine("Name a recording: SpeechToTextClient talk.wav");
    return 2;
}

using var transcriber = await Transcriber.LoadAsync();
var services = new ServiceCollection();
services.AddSpeechToTextClient(transcriber.AsSpeechToTextClient())
    .ConfigureOptions(options => options.SpeechLanguage = "en");
services.AddTransient<Captions>();

await using var provider = services.BuildServiceProvider();
await provider.GetRequiredService<Captions>().WriteAsync(recording, Console.Out);
return 0;
