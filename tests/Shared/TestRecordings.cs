namespace Earshot.Testing;

/// <summary>Real recordings that tests hear.</summary>
internal static class TestRecordings
{
    /// <summary>Eleven seconds of John F. Kennedy, which every copy of the repository has.</summary>
    public static string Jfk => Path("jfk.wav");

    /// <summary>The full path of a recording: in the repository where it has it, else in the test data.</summary>
    public static string Path(string name)
    {
        foreach (var folder in (ReadOnlySpan<string>)["samples/audio", "tests/goldens/whisper-base"])
        {
            var path = System.IO.Path.Combine(TestData.RepositoryRoot, folder, name);
            if (File.Exists(path)) return path;
        }
        return TestData.Require($"audio/{name}");
    }
}
