using System.Text.RegularExpressions;

namespace Earshot.Tests.HouseRules;

/// <summary>
/// The folders of src/Earshot stand in the order in which data flows: what is in one names only what is in those before it, in code
/// and in documentation. Read from the sources: usings, names with their namespace, and names that begin with a folder's.
/// </summary>
public partial class FolderOrderTests
{
    static readonly string[] s_order =
    [
        "Audio", "Features", "Checkpoints", "Tokenizers", "Chat", "Models", "Decoding", "TextGeneration", "Recognition", "SpeechDetection",
        "Transcription", "ForcedAlignment", "Live", "Transcripts", "Speakers", "Synthesis", "Clients", "Benchmarks",
    ];

    /// <summary>What is not in order yet, a file and a folder after its own. Lines may only go.</summary>
    static readonly (string File, string Folder)[] s_exceptions =
    [
    ];

    static readonly string s_library = Path.Combine(TestData.RepositoryRoot, "src", "Earshot");

    static readonly Lazy<Source[]> s_sources = new(() => [.. Directory.EnumerateFiles(s_library, "*.cs", SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(s_library, path).Replace('\\', '/'))
        .Where(file => file.Contains('/', StringComparison.Ordinal))
        .Order(StringComparer.Ordinal)
        .Select(file =>
            new Source(file, file[..file.IndexOf('/', StringComparison.Ordinal)], File.ReadAllText(Path.Combine(s_library, file))))]);

    [Fact]
    public void A_folder_names_only_folders_before_it()
    {
        var found = s_sources.Value.SelectMany(Later).Except(s_exceptions)
            .Select(reference => $"{reference.File} names {reference.Folder}");
        Assert.True(!found.Any(), $"Against the order {string.Join(" → ", s_order)}:\n{string.Join('\n', found)}");
    }

    [Fact]
    public void Every_exception_is_still_needed() => Assert.Empty(s_exceptions.Except(s_sources.Value.SelectMany(Later)));

    [Fact]
    public void Every_folder_has_its_place_in_the_order() =>
        Assert.Empty(s_sources.Value.Select(source => source.Folder).Distinct().Except(s_order));

    [Fact]
    public void Types_are_in_the_namespace_of_their_folder() => Assert.Empty(s_sources.Value
        .Where(source => Namespace().Match(source.Text) is { Success: true } at && at.Groups[1].Value != $"Earshot.{source.Folder}"
            && !at.Groups[1].Value.StartsWith($"Earshot.{source.Folder}.", StringComparison.Ordinal))
        .Select(source => source.File));

    [Theory]
    [InlineData("using Earshot.Speakers;", "Speakers")]
    [InlineData("using static Earshot.Speakers.SpeakerEncoder;", "Speakers")]
    [InlineData("using P = Earshot.Speakers.SpeakerEncoder;", "Speakers")]
    [InlineData("var p = new Earshot.Speakers.SpeakerEncoder(3, 2);", "Speakers")]
    [InlineData("/// <see cref=\"Speakers.SpeakerEncoder\"/>", "Speakers")]
    [InlineData("using Earshot.Audio;", null)]
    [InlineData("const string Package = \"Earshot.Speakers.Base\";", null)]
    [InlineData("using Earshot.Compute;", null)]
    [InlineData("// what Speakers say", null)]
    [InlineData("call.Speakers.Count", null)]
    public void References_are_found_as_they_are_written(string text, string? folder) => Assert.Equal(
        folder is null ? [] : [("Models/New.cs", folder)],
        Later(new Source("Models/New.cs", "Models", $"namespace Earshot.Models;\n{text}")));

    /// <summary>The folders after its own that a source names.</summary>
    static IEnumerable<(string File, string Folder)> Later(Source source) => s_order
        .Skip(Array.IndexOf(s_order, source.Folder) + 1)
        .Where(folder => Names(source.Text, folder))
        .Select(folder => (source.File, folder));

    /// <summary>
    /// A using of the folder's namespace, or a type, by the names of its files, with the folder's name before it. Names of packages are
    /// none.
    /// </summary>
    static bool Names(string text, string folder) => Regex.IsMatch(text, $@"\busing (static |\w+ = )?Earshot\.{folder}\b")
        || Regex.Matches(text, $@"(\bEarshot\.|(?<![\w.])){folder}\.(\w+)").Any(match => s_sources.Value
            .Any(source => source.Folder == folder && Path.GetFileNameWithoutExtension(source.File) == match.Groups[2].Value));

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    sealed record Source(string File, string Folder, string Text);
}
