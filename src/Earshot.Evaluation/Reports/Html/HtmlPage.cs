using System.Security.Cryptography;
using System.Text;

namespace Earshot.Evaluation;

/// <summary>A page that needs no other file: its style and its script stand in it, and nothing is loaded from elsewhere.</summary>
internal static class HtmlPage
{
    /// <summary>Begins a page, up to its body.</summary>
    public static HtmlBuilder Begin(string title)
    {
        var (style, script) = (Resource("report.css"), Resource("report.js"));
        var page = new HtmlBuilder();
        page.Add($"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<title>{title}</title>\n");
        page.Add(
            $"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n" +
            $"<meta name=\"color-scheme\" content=\"light dark\"/>\n");
        // No script runs but the page's own, whatever a transcript may hold.
        page.Add(
            $"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{Hash(style)}'; script-src " +
            $"'{Hash(script)}'; media-src 'self' data: file:\"/>\n");
        return page.Add($"<style>{Code(style)}</style>\n</head>\n<body>\n");
    }

    /// <summary>The head of what is shown, with the button that chooses the theme.</summary>
    public static void Head(HtmlBuilder page, string title, params ReadOnlySpan<string> facts)
    {
        page.Add(
            $"<header>\n<div class=\"top\"><h1>{title}</h1><button id=\"theme\" type=\"button\" hidden=\"hidden\" " +
            $"aria-live=\"polite\">Theme: system</button></div>\n");
        foreach (var fact in facts) page.Add($"<p class=\"facts\">{fact}</p>\n");
        page.Add($"</header>\n");
    }

    /// <summary>Ends the page.</summary>
    public static string End(HtmlBuilder page) =>
        page.Add($"<script>{Code(Resource("report.js"))}</script>\n</body>\n</html>\n").ToString();

    /// <summary>Begins a table that scrolls by itself where it is wider than the page.</summary>
    public static void Table(HtmlBuilder html, string name, params ReadOnlySpan<string> columns)
    {
        html.Add($"<div class=\"scroll\" role=\"region\" aria-label=\"{name}\" tabindex=\"0\"><table><thead><tr>");
        foreach (var column in columns) html.Add($"<th scope=\"col\">{column}</th>");
        html.Add($"</tr></thead>\n<tbody>\n");
    }

    /// <summary>Our own style or script, which holds nothing that XML would read as markup.</summary>
    static HtmlBuilder Code(string text)
    {
        if (text.AsSpan().IndexOfAny('<', '&') >= 0)
            throw new InvalidOperationException("The page's style and script must hold no '<' and no '&'.");
        var code = new HtmlBuilder();
        var piece = new HtmlBuilder.Piece(text.Length, 0, code);
        piece.AppendLiteral(text);
        return code.Add(ref piece);
    }

    static string Hash(string text) => $"sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}";

    static string Resource(string name)
    {
        using var stream = typeof(HtmlPage).Assembly.GetManifestResourceStream("Earshot.Evaluation." + name)
            ?? throw new InvalidOperationException($"The assembly lacks its file '{name}'.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
