using System.Diagnostics;

namespace Earshot.Cli;

/// <summary>
/// One line at the bottom of a terminal that tells what is going on, redrawn in place; what is printed through
/// <see cref="Above"/> appears over it. Does nothing where standard error is no terminal.
/// </summary>
internal sealed class StatusLine(Terminal terminal) : IDisposable
{
    static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    readonly Lock _lock = new();
    readonly bool _active = terminal.ErrorIsTerminal && !terminal.Quiet;
    long _shown;
    bool _visible;
    bool _ended;

    /// <summary>Shows a line, cut to the terminal's width; at most ten times a second.</summary>
    public void Show(Func<int, string> line)
    {
        if (!_active) return;
        lock (_lock)
        {
            if (_ended || _visible && Stopwatch.GetElapsedTime(_shown) < s_interval) return;
            // A line as wide as the terminal would wrap on some.
            int width = terminal.Width() - 1;
            var text = line(width);
            terminal.Error.Write($"\r\e[K{terminal.Paint(text.Length > width ? text[..width] : text, "36", onTerminal: true)}");
            terminal.Error.Flush();
            _shown = Stopwatch.GetTimestamp();
            _visible = true;
        }
    }

    /// <summary>Prints while the line is out of the way.</summary>
    public void Above(Action print)
    {
        lock (_lock)
        {
            Hide();
            print();
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            Hide();
            _ended = true;
        }
    }

    void Hide()
    {
        if (!_visible) return;
        terminal.Error.Write("\r\e[K");
        terminal.Error.Flush();
        _visible = false;
        _shown = 0;
    }
}
