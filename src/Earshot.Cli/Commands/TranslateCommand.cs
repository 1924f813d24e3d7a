using Earshot.Decoding;
using Earshot.Transcription;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot translate</c>: recordings in any language to English text.</summary>
internal sealed class TranslateCommand(Terminal terminal)
    : SpeechCommand(
        "translate",
        "Write down in English what is said in another language. Takes the options of transcribe, " +
        "and a model that was trained to translate: not an English-only one, and not turbo.", terminal)
{
    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot translate interview.wav", "English text, whatever the language spoken."),
        new("earshot translate vortrag.mp3 -l de -m medium -f srt -o vortrag.en.srt", "English subtitles of a German talk."),
    ];

    protected override TranscriptionOptions Adjust(TranscriptionOptions options) => options with { Task = SpeechTask.Translate };
}
