using System.Globalization;
using System.Text.Json;
using Earshot.Cli.Files;
using Spectre.Console;

namespace Earshot.Cli.Benchmarks.Peers;

/// <summary>Where a comparison is written: a page, its JSON beside, and a table on the terminal.</summary>
internal static class PeerFiles
{
    public const string DefaultPage = "earshot-peers.html";

    /// <summary>The page's path and its JSON's, for what --output says: either of them, or a folder.</summary>
    public static (string Page, string Data) Places(string? output)
    {
        var page = output ?? DefaultPage;
        if (Directory.Exists(page)) page = Path.Combine(page, DefaultPage);
        if (Path.GetExtension(page).ToLowerInvariant() is not (".html" or ".htm" or ".json"))
            throw new UsageException($"--output is '{output}'; expected a file that ends in .html, or a folder that is there.");
        return (Path.GetExtension(page).Equals(".json", StringComparison.OrdinalIgnoreCase) ? Path.ChangeExtension(page, ".html") : page,
            Path.ChangeExtension(page, ".json"));
    }

    /// <exception cref="UsageException">It cannot be written, found out before anything is measured.</exception>
    public static void Check((string Page, string Data) places)
    {
        foreach (var path in (string[])[places.Page, places.Data])
        {
            if (OutputFile.WhyNotWritable(path) is { } why) throw new UsageException($"cannot write '{path}': {why}");
        }
    }

    public static void Write(PeerReport report, (string Page, string Data) places)
    {
        Write(places.Data, Json(report) + "\n");
        Write(places.Page, PeerPage.Write(report, Path.GetFileName(places.Data)));
    }

    public static string Json(PeerReport report) => JsonSerializer.Serialize(report, CliJson.Readable.PeerReport);

    public static void Show(PeerReport report, Terminal terminal)
    {
        foreach (var group in report.Groups)
        {
            var table = new Table().Border(TableBorder.Rounded).Title(Markup.Escape(group.What));
            table.AddColumn("Engine").AddColumn("Setting").AddColumn(new TableColumn("ms").RightAligned())
                .AddColumn(new TableColumn("× the first").RightAligned()).AddColumn("");
            foreach (var row in group.Rows)
            {
                string[] cells =
                [
                    row.Engine, row.Setting,
                    row.Milliseconds is { } time ? time.ToString("0.00", CultureInfo.InvariantCulture) : "",
                    row.RatioToFirst is { } ratio ? ratio.ToString("0.00", CultureInfo.InvariantCulture) : "",
                    row.State == PeerRow.Measured ? "" : $"{row.State}: {row.Reason}",
                ];
                table.AddRow([.. cells.Select(Markup.Escape)]);
            }
            terminal.OutConsole().Write(table);
        }
    }

    static void Write(string path, string content)
    {
        using var file = OutputFile.Create(path);
        file.Writer.Write(content);
        file.Complete(overwrite: true);
    }
}
