namespace Earshot.Testing;

/// <summary>Real models that tests use.</summary>
internal static class TestModels
{
    /// <summary>Whisper base, multilingual, int8: the model in the box.</summary>
    public static string WhisperBase => InBox("whisper-base");

    /// <summary>Silero's voice activity detector, in the box too.</summary>
    public static string SileroVad => Path.Combine(InBox("silero-vad"), "silero_vad_16k.safetensors");

    /// <summary>The folder of a model in the box, as the repository has it.</summary>
    public static string InBox(string name) => Path.Combine(TestData.RepositoryRoot, "models", name);
}
