namespace Earshot.Cli.Commands;

/// <summary><c>earshot transcribe</c>: recordings to text.</summary>
internal sealed class TranscribeCommand(Terminal terminal)
    : SpeechCommand(
        "transcribe",
        "Write down what is said in recordings. With one file and no --output, the text goes to standard output as it is found; " +
        "otherwise each recording gets its files.", terminal)
{
    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot transcribe talk.wav", "The text, on standard output."),
        new("earshot transcribe talk.mp3 -f srt -f txt -o out/", "Subtitles and text, as out/talk.srt and out/talk.txt."),
        new(
            "earshot transcribe 'talks/**/*.flac' -m turbo -l de -f vtt -o '{folder}/{name}.{ext}'",
            "German subtitles beside each recording, with Whisper large-v3-turbo."),
        new("earshot transcribe talk.wav -m large-v3 --draft distil-large-v3", "The large model's words, guessed ahead by a faster one."),
        new("earshot transcribe talk.wav --device tensorrt,cuda,onnx-cpu", "On the best device that ONNX Runtime finds here."),
        new("ffmpeg -i film.mkv -f wav - | earshot transcribe - -f srt > film.srt", "From and to other programs."),
        new(
            "earshot transcribe meeting.wav --vad --batch-size 8 --word-timestamps -f json -o meeting.json",
            "A long recording: without its silence, eight windows at once, with the time of each word."),
    ];
}
