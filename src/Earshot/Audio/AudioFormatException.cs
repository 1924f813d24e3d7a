namespace Earshot.Audio;

/// <summary>Audio that is damaged, truncated, of an unknown or unsupported format, or that cannot be opened.</summary>
public sealed class AudioFormatException : EarshotException
{
    public AudioFormatException(string message) : base(message) { }

    public AudioFormatException(string message, Exception? innerException) : base(message, innerException) { }
}
