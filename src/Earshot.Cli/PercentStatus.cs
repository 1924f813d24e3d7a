using System.Globalization;

namespace Earshot.Cli;

/// <summary>Shows how far something is as a percentage on the status line.</summary>
internal sealed class PercentStatus(StatusLine status, string what) : IProgress<double>
{
    public void Report(double value) => status.Show(_ => string.Create(CultureInfo.InvariantCulture, $"{what} … {100 * value:0} %"));
}
