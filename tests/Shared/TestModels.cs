namespace Earshot.Testing;

/// <summary>The models that tests share.</summary>
internal static class TestModels
{
    /// <summary>Whisper base with int8 weights: the repository's own copy, or the one of the test data; skips the running test where neither is there.</summary>
    public static string WhisperBase =>
        Path.Combine(TestData.RepositoryRoot, "models", "whisper-base") is var own && Directory.Exists(own) ? own : TestData.Require("models/whisper-base");
}
