namespace Earshot.Testing;

/// <summary>Real recordings that tests hear.</summary>
internal static class TestRecordings
{
    /// <summary>Eleven seconds of John F. Kennedy, which every copy of the repository has.</summary>
    public static string Jfk => Path("jfk.wav");

    /// <summary>The full path of a recording: the repository's sample, else that of the test data.</summary>
    public static string Path(string name)
    {
        var sample = System.IO.Path.Combine(TestData.RepositoryRoot, "samples", "audio", name);
        return File.Exists(sample) ? sample : TestData.Require($"audio/{name}");
    }
}
