namespace Earshot.Tokenizers;

/// <summary>Codes of languages: of two letters (ISO 639-1), as people use them, and of three (ISO 639-3), as some models do.</summary>
static class LanguageCodes
{
    // A code, and those of three letters that mean it; the first is the language's own, others are those of a member.
    const string Table =
        "en:eng zh:zho,cmn de:deu es:spa ru:rus ko:kor fr:fra ja:jpn pt:por tr:tur pl:pol ca:cat nl:nld ar:ara,arb " +
        "sv:swe it:ita id:ind hi:hin fi:fin vi:vie he:heb uk:ukr el:ell ms:msa,zlm cs:ces ro:ron da:dan hu:hun ta:tam " +
        "no:nor,nob th:tha ur:urd hr:hrv bg:bul lt:lit la:lat mi:mri ml:mal cy:cym sk:slk te:tel fa:fas,pes lv:lav,lvs " +
        "bn:ben sr:srp az:aze,azj sl:slv kn:kan et:est,ekk mk:mkd br:bre eu:eus is:isl hy:hye ne:nep,npi mn:mon,khk " +
        "bs:bos kk:kaz sq:sqi,als sw:swa,swh gl:glg mr:mar pa:pan si:sin km:khm sn:sna yo:yor so:som af:afr oc:oci " +
        "ka:kat be:bel tg:tgk sd:snd gu:guj am:amh yi:yid,ydd lo:lao uz:uzb,uzn fo:fao ht:hat ps:pus,pbt tk:tuk nn:nno " +
        "mt:mlt sa:san lb:ltz my:mya bo:bod tl:tgl mg:mlg,plt as:asm tt:tat haw:haw ln:lin ha:hau ba:bak jw:jav su:sun " +
        "yue:yue";

    static readonly Dictionary<string, string[]> s_long = Table.Split(' ').Select(entry => entry.Split(':'))
        .ToDictionary(pair => pair[0], pair => pair[1].Split(','), StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// The languages of a model, named by codes of three letters and perhaps a script (<c>urd-script_arabic</c>), that a code or English
    /// name means.
    /// </summary>
    public static IEnumerable<string> Match(string language, IReadOnlyList<string> known)
    {
        language = language.Trim();
        if (known.FirstOrDefault(name => name.Equals(language, StringComparison.OrdinalIgnoreCase)) is { } exact) return [exact];
        foreach (var code in LongOf(language))
        {
            string[] found =
            [
                .. known.Where(name => name.Equals(code, StringComparison.OrdinalIgnoreCase)
                    || name.StartsWith(code + "-", StringComparison.OrdinalIgnoreCase)),
            ];
            if (found.Length > 0) return found;
        }
        return [];
    }

    /// <summary>The short code of a long one, as transcripts tell languages; the long one where there is none.</summary>
    public static string ShortOf(string code)
    {
        var language = code.Split('-')[0];
        return s_long.FirstOrDefault(pair => pair.Value.Contains(language, StringComparer.OrdinalIgnoreCase)).Key ?? language;
    }

    static string[] LongOf(string language)
    {
        try
        {
            if (s_long.TryGetValue(WhisperLanguages.Parse(language), out var codes)) return codes;
        }
        catch (ModelException)
        {
            // None that Whisper knows: a code of three letters, perhaps.
        }
        return [language];
    }
}
