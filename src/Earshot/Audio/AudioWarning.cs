namespace Earshot.Audio;

/// <summary>What kind of fault a recording has that was read around.</summary>
public enum AudioWarningKind
{
    /// <summary>
    /// A place that could not be decoded, or that is not what was written; silence of its length stands in for what is lost.
    /// </summary>
    Damaged,

    /// <summary>The recording ends before its header says it does.</summary>
    Truncated,

    /// <summary>The channels cancel each other out, so that their mean says nothing; the strongest is heard instead.</summary>
    ChannelsCancel,
}

/// <summary>A fault of a recording that did not keep it from being read.</summary>
/// <param name="Kind">What kind of fault.</param>
/// <param name="Recording">The recording's name.</param>
/// <param name="Message">One line to show: which recording, where, and why.</param>
/// <param name="Position">Where in the recording it is, from its start, when that is known.</param>
public sealed record AudioWarning(AudioWarningKind Kind, string Recording, string Message, TimeSpan? Position);
