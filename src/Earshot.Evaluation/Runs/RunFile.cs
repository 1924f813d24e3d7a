using System.Text.Json;

namespace Earshot.Evaluation;

/// <summary>A run in one file: the report.json that an evaluation writes, fit to be kept as a baseline.</summary>
internal static class RunFile
{
    const long Largest = 1L << 30;

    /// <exception cref="ManifestException">It is not there, or damaged.</exception>
    public static EvaluationRun Read(string path)
    {
        if (!File.Exists(path))
            throw new ManifestException($"'{path}': there is no such run; expected the folder of one, or its report.json.");
        using var stream = File.OpenRead(path);
        if (stream.Length > Largest) throw new ManifestException($"'{path}': {stream.Length:N0} bytes are too many for a report.");
        try
        {
            var report = JsonSerializer.Deserialize(stream, EvaluationJson.Readable.EvaluationReport)
                ?? throw new JsonException("it is null.");
            return new EvaluationRun(report.Plan, report.Results);
        }
        catch (JsonException e)
        {
            throw new ManifestException(
                path, (e.LineNumber ?? 0) + 1, $"this is no report of an evaluation ({e.Message.Split(" Path:")[0]}).");
        }
    }
}
