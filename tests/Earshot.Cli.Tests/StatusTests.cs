using Earshot.Cli.Transcripts;

namespace Earshot.Cli.Tests;

public class StatusTests
{
    [Theory]
    [InlineData(0, 60, 0, 100, "talk.wav  ────────────────────────   0 %  0:00 / 1:00")]
    [InlineData(30, 60, 10, 100, "talk.wav  ━━━━━━━━━━━━────────────  50 %  0:30 / 1:00  3.0× real time  0:10 left")]
    [InlineData(60, 60, 20, 100, "talk.wav  ━━━━━━━━━━━━━━━━━━━━━━━━ 100 %  1:00 / 1:00  3.0× real time")]
    [InlineData(30, 60, 10, 79, "talk.w…  ━━━━━━━━━━━━────────────  50 %  0:30 / 1:00  3.0× real time  0:10 left")]
    [InlineData(30, 60, 10, 72, "━━━━━━━━━━━━────────────  50 %  0:30 / 1:00  3.0× real time  0:10 left")]
    [InlineData(5, null, 10, 100, "talk.wav  0:05 done  0.5× real time")]
    public void Progress_is_a_bar_with_speed_and_time_left(int processed, int? total, int elapsed, int width, string expected) =>
        Assert.Equal(expected, TranscriptProgress.Line(
            TimeSpan.FromSeconds(processed), total is { } t ? TimeSpan.FromSeconds(t) : null, TimeSpan.FromSeconds(elapsed),
            "talk.wav", width));

    [Fact]
    public void The_status_line_makes_way_for_text()
    {
        using var error = new StringWriter();
        var terminal = new Terminal { Out = TextWriter.Null, Error = error, ErrorIsTerminal = true, Width = () => 20 };
        using (var status = new StatusLine(terminal))
        {
            status.Show(_ => "working hard on something long");
            status.Above(() => error.Write("text\n"));
        }
        Assert.Equal("\r\e[Kworking hard on som\r\e[Ktext\n", error.ToString());
    }

    [Fact]
    public void Where_standard_error_is_no_terminal_there_is_no_status()
    {
        using var error = new StringWriter();
        using (var status = new StatusLine(new Terminal { Out = TextWriter.Null, Error = error })) status.Show(_ => "working");
        Assert.Empty(error.ToString());
    }
}
