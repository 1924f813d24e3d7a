using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Earshot.Live;
using Earshot.Transcription;

namespace Earshot.Cli.Listening;

/// <summary>An object a line for each event; the last one says that the stream has ended. Times in seconds of the sound.</summary>
internal sealed class JsonLineCaptions(Terminal terminal) : ILiveDisplay
{
    static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public void Show(LiveEvent happened) => Write(json =>
    {
        json.WriteString("type", NameOf(happened));
        json.WriteNumber("heard", Seconds(happened.Heard));
        WriteEvent(json, happened);
    });

    public void Complete() => Write(json => json.WriteString("type", "end"));

    void Write(Action<Utf8JsonWriter> fill)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, s_options))
        {
            json.WriteStartObject();
            fill(json);
            json.WriteEndObject();
        }
        terminal.Out.WriteLine(Encoding.UTF8.GetString(buffer.WrittenSpan));
        terminal.Out.Flush();
    }

    static string NameOf(LiveEvent happened) => happened switch
    {
        LiveSpeechStarted => "speech_started",
        LiveSpeechStopped => "speech_stopped",
        LivePartial => "partial",
        LiveFinal => "final",
        LiveSegment => "segment",
        LiveLanguage => "language",
        _ => "pace",
    };

    static void WriteEvent(Utf8JsonWriter json, LiveEvent happened)
    {
        switch (happened)
        {
            case LiveSpeechStarted started:
                json.WriteNumber("at", Seconds(started.At));
                break;
            case LiveSpeechStopped stopped:
                json.WriteNumber("at", Seconds(stopped.At));
                json.WriteString("reason", JsonNamingPolicy.SnakeCaseLower.ConvertName(stopped.Reason.ToString()));
                break;
            case LivePartial partial:
                WriteWords(json, partial.Text, partial.Words);
                break;
            case LiveFinal final:
                WriteWords(json, final.Text, final.Words);
                break;
            case LiveSegment segment:
                json.WriteNumber("id", segment.Segment.Id);
                json.WriteNumber("start", Seconds(segment.Segment.Start));
                json.WriteNumber("end", Seconds(segment.Segment.End));
                json.WriteString("text", segment.Segment.Text);
                break;
            case LiveLanguage language:
                json.WriteString("language", language.Language);
                json.WriteNumber("probability", Math.Round(language.Probability, 4));
                break;
            case LivePaceChanged pace:
                json.WriteString("pace", JsonNamingPolicy.SnakeCaseLower.ConvertName(pace.Pace.ToString()));
                json.WriteNumber("lag", Seconds(pace.Lag));
                break;
        }
    }

    static void WriteWords(Utf8JsonWriter json, string text, IReadOnlyList<Word> words)
    {
        json.WriteString("text", text);
        json.WriteStartArray("words");
        foreach (var word in words)
        {
            json.WriteStartObject();
            json.WriteString("word", word.Text);
            json.WriteNumber("start", Seconds(word.Start));
            json.WriteNumber("end", Seconds(word.End));
            json.WriteNumber("probability", Math.Round(word.Probability, 4));
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    static double Seconds(TimeSpan time) => Math.Round(time.TotalSeconds, 3);
}
