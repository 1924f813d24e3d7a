namespace Earshot.Testing;

/// <summary>Real models that tests use.</summary>
internal static class TestModels
{
    /// <summary>The folder of a model in the box, as the repository has it.</summary>
    public static string InBox(string name) => Path.Combine(TestData.RepositoryRoot, "models", name);

    /// <summary>Whisper base, multilingual, int8: the model in the box.</summary>
    public static string WhisperBase
    {
        get
        {
            var boxed = Path.Combine(TestData.RepositoryRoot, "models", "whisper-base");
            return Directory.Exists(boxed) ? boxed : TestData.Require("models/whisper-base");
        }
    }
}
