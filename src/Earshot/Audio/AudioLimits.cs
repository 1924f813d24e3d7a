namespace Earshot.Audio;

/// <summary>What a header may claim before it is called absurd: every buffer's size follows from these.</summary>
internal static class AudioLimits
{
    public const int MinSampleRate = 1_000;
    public const int MaxSampleRate = 768_000;
    public const int MaxChannels = 64;

    /// <summary>
    /// A gap that a stream's own positions claim is filled with silence up to this; a longer one is taken for a wrong position.
    /// </summary>
    public static readonly TimeSpan MaxGap = TimeSpan.FromHours(1);

    public static void CheckSampleRate(long rate, string name)
    {
        if (rate is < MinSampleRate or > MaxSampleRate)
            throw new AudioFormatException(
                $"'{name}': the header gives a sample rate of {rate} Hz; expected {MinSampleRate} to {MaxSampleRate}. " +
                "The file is damaged or is no recording: export it again.");
    }

    public static void CheckChannels(int channels, string name)
    {
        if (channels is < 1 or > MaxChannels)
            throw new AudioFormatException(
                $"'{name}': the header gives {channels} channels; expected 1 to {MaxChannels}. " +
                "The file is damaged or is no recording: export it again.");
    }
}
