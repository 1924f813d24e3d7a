using System.Text;
using Earshot.Live;

namespace Earshot.Cli.Listening;

/// <summary>Shows events as they come.</summary>
internal interface ILiveDisplay
{
    void Show(LiveEvent happened);

    /// <summary>Nothing more comes.</summary>
    void Complete();
}

/// <summary>
/// Captions on a terminal: segments scroll; below them one line, rewritten in place, holds what is said now, what may still change dimmed.
/// It is cut to one row, whose end is shown, so that a change of the terminal's width cannot break it.
/// </summary>
internal sealed class TerminalCaptions(Terminal terminal) : ILiveDisplay
{
    string _settled = "", _open = "", _drawn = "";

    public void Show(LiveEvent happened)
    {
        switch (happened)
        {
            case LiveFinal final:
                (_settled, _open) = (_settled + final.Text, "");
                break;
            case LivePartial partial:
                _open = partial.Text;
                Draw();
                break;
            case LiveSegment segment:
                Scroll(segment.Segment.Text);
                break;
            case LiveSpeechStopped:
                Draw();
                break;
        }
    }

    public void Complete()
    {
        if (_drawn.Length > 0) terminal.Out.Write("\r\e[K");
        _drawn = "";
        terminal.Out.Flush();
    }

    void Scroll(string text)
    {
        // Segments are parts of the final text, in order.
        _settled = _settled.StartsWith(text, StringComparison.Ordinal) ? _settled[text.Length..] : "";
        terminal.Out.Write($"\r\e[K{text.Trim()}{Environment.NewLine}");
        _drawn = "";
        Draw();
    }

    void Draw()
    {
        var (settled, open) = Fit(_settled.TrimStart(), _settled.Length == 0 ? _open.TrimStart() : _open, terminal.Width() - 1);
        var line = settled + terminal.Paint(open, "2", onTerminal: true);
        if (line == _drawn) return;
        _drawn = line;
        terminal.Out.Write($"\r\e[K{line}");
        terminal.Out.Flush();
    }

    /// <summary>The end of both together that fits a row.</summary>
    internal static (string Settled, string Open) Fit(string settled, string open, int width)
    {
        int excess = Columns(settled) + Columns(open) - width;
        if (excess <= 0) return (settled, open);
        var cut = CutFront(settled, excess + 1, out int left);
        return left <= 0 ? ($"…{cut}", open) : ("", $"…{CutFront(open, left, out _)}");
    }

    static string CutFront(string text, int columns, out int left)
    {
        int at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (columns <= 0) break;
            columns -= Columns(rune);
            at += rune.Utf16SequenceLength;
        }
        left = columns;
        return text[at..];
    }

    static int Columns(string text) => text.EnumerateRunes().Sum(Columns);

    // East Asian wide ranges, roughly: what they hold takes two columns.
    static int Columns(Rune rune) => rune.Value switch
    {
        < 0x1100 => 1,
        <= 0x115F or (>= 0x2E80 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF) or (>= 0xFE30 and <= 0xFE6F)
            or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6) or (>= 0x1F300 and <= 0x1FAFF) or (>= 0x20000 and <= 0x3FFFD) => 2,
        _ => 1,
    };
}

/// <summary>A line a segment, for pipes and files.</summary>
internal sealed class PlainCaptions(Terminal terminal) : ILiveDisplay
{
    public void Show(LiveEvent happened)
    {
        if (happened is not LiveSegment segment) return;
        terminal.Out.WriteLine(segment.Segment.Text.Trim());
        terminal.Out.Flush();
    }

    public void Complete() { }
}
