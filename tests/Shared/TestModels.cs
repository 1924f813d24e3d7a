namespace Earshot.Testing;

/// <summary>Real models that tests use.</summary>
internal static class TestModels
{
    /// <summary>Whisper base, multilingual, int8: the model in the box.</summary>
    public static string WhisperBase
    {
        get
        {
            var boxed = Path.Combine(TestData.RepositoryRoot, "models", "whisper-base");
            return Directory.Exists(boxed) ? boxed : TestData.Require("models/whisper-base");
        }
    }

    /// <summary>Silero's voice activity detector, in the box too.</summary>
    public static string SileroVad
    {
        get
        {
            var boxed = Path.Combine(TestData.RepositoryRoot, "models", "silero-vad", "silero_vad_16k.safetensors");
            return File.Exists(boxed) ? boxed : TestData.Require("models/silero-vad/silero_vad_16k.safetensors");
        }
    }
}
