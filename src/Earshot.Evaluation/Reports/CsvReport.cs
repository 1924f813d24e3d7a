using System.Globalization;
using System.Text;

namespace Earshot.Evaluation;

/// <summary>Reports as comma-separated values by RFC 4180, for spreadsheets and scripts: shares of 1, seconds, bytes.</summary>
public static class CsvReport
{
    /// <summary>A row a system.</summary>
    public static string Systems(EvaluationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var csv = new StringBuilder();
        Row(csv, "system", "model", "settings", "device", "model_bytes", "parameters", "languages", "clips", "scored_clips", "failed_clips",
            "reference_units", "substitutions", "deletions", "insertions", "wer", "wer_low", "wer_high", "cer", "mer", "wil",
            "audio_seconds", "compute_seconds", "rtf", "speed", "latency_p50", "latency_p95", "latency_p99", "first_text_p50", "peak_bytes",
            "non_speech_clips", "hallucination_rate", "hallucinated_words_per_minute", "repeated_4gram_rate", "longest_loop");
        foreach (var s in report.Systems)
        {
            var counts = s.Counts?.ToEditCounts();
            Row(csv, s.System.Name, s.System.Model, s.System.Settings, s.System.Device, s.System.ModelBytes, s.System.Parameters,
                s.System.Languages, s.Clips, s.ScoredClips, s.FailedClips, counts?.ReferenceLength, counts?.Substitutions,
                counts?.Deletions, counts?.Insertions, s.ErrorRate?.Rate, s.ErrorRate?.Low, s.ErrorRate?.High, s.CharacterErrorRate?.Rate,
                s.MatchErrorRate, s.WordInformationLost, s.AudioDuration, s.ComputeTime, s.RealTimeFactor, s.Speed, s.Latency.P50,
                s.Latency.P95, s.Latency.P99, s.FirstText?.P50, s.PeakBytes, s.NonSpeech?.Clips, s.NonSpeech?.HallucinationRate,
                s.NonSpeech?.WordsPerMinute, s.RepeatedNgramRate, s.LongestLoop);
        }
        return csv.ToString();
    }

    /// <summary>A row a clip and system.</summary>
    public static string Clips(EvaluationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var csv = new StringBuilder();
        Row(
            csv, "system", "clip", "language", "speaker", "audio_seconds", "seconds", "first_text_seconds", "units", "reference_units",
            "substitutions", "deletions", "insertions", "error_rate", "reference", "text", "error");
        foreach (var result in report.Results)
        {
            var counts = result.Counts?.ToEditCounts();
            Row(csv, result.System, result.Clip, result.Language, result.Speaker, result.Duration,
                result.Error is null ? result.Time : null, result.FirstText, result.Units?.ToString().ToLowerInvariant(),
                counts?.ReferenceLength, counts?.Substitutions, counts?.Deletions, counts?.Insertions, counts?.ErrorRate, result.Reference,
                result.Text, result.Error);
        }
        return csv.ToString();
    }

    static void Row(StringBuilder csv, params ReadOnlySpan<object?> fields)
    {
        for (int i = 0; i < fields.Length; i++)
        {
            if (i > 0) csv.Append(',');
            csv.Append(Field(fields[i]));
        }
        csv.Append("\r\n");
    }

    static string Field(object? value) => value switch
    {
        null => "",
        double number => number.ToString("0.######", CultureInfo.InvariantCulture),
        TimeSpan time => time.TotalSeconds.ToString("0.######", CultureInfo.InvariantCulture),
        string text => Quoted(text),
        _ => string.Create(CultureInfo.InvariantCulture, $"{value}"),
    };

    /// <summary>
    /// Text, quoted where it needs to be. What spreadsheets would run as a formula gets an apostrophe before it, as transcripts come
    /// from recordings that anyone may have made.
    /// </summary>
    static string Quoted(string text)
    {
        if (text is ['=' or '+' or '-' or '@' or '\t' or '\r', ..]) text = "'" + text;
        return text.AsSpan().IndexOfAny(",\"\r\n") >= 0 || text.AsSpan().Trim().Length != text.Length
            ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\""
            : text;
    }
}
