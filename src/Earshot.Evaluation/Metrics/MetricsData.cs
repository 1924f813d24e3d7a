using System.Text;

namespace Earshot.Evaluation.Metrics;

/// <summary>The data files of the metrics, embedded in the assembly.</summary>
internal static class MetricsData
{
    public static Stream Open(string name) =>
        typeof(MetricsData).Assembly.GetManifestResourceStream("Earshot.Evaluation.Metrics." + name)
        ?? throw new InvalidOperationException($"The assembly lacks its data file '{name}'.");

    /// <summary>The fields of each line of a tab-separated file; lines that begin with # are notes.</summary>
    public static IEnumerable<string[]> ReadRows(string name)
    {
        using var reader = new StreamReader(Open(name), Encoding.UTF8);
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0 && line[0] != '#') yield return line.Split('\t');
        }
    }
}
