using Earshot.Audio;

namespace Earshot.Transcription;

/// <summary>
/// A recording from a stream that can be read once alone, kept in a temporary file while its channels are read, each by itself.
/// </summary>
public static class SpooledRecording
{
    /// <summary>
    /// Reads a stream to its end and opens the channels of the recording in it; the stream is not closed, the temporary file goes with the
    /// channels.
    /// </summary>
    /// <exception cref="AudioFormatException">The stream holds no recording, or a damaged one that the options ask to refuse.</exception>
    public static ChannelRecording OpenChannels(Stream stream, string name, AudioReadOptions options)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(name);
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            using (var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write)) stream.CopyTo(file);
            return ChannelRecording.Open(
                audio => AudioReader.Open(
                    new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete), name, audio), options);
        }
        finally
        {
            // Readers that have it open keep it; where the system does not allow that, it is in the folder for such files.
            Delete(path);
        }
    }

    static void Delete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // In use, on Windows without FILE_SHARE_DELETE; the system clears the folder.
        }
    }
}
