using System.Globalization;
using System.IO.Hashing;
using System.Text;
using Earshot.Cli.Files;
using Earshot.Compute.Cpu;
using Earshot.Transcription;

namespace Earshot.Cli.Models;

/// <summary>
/// The formats that <c>earshot bench --tune</c> found to be fastest, a file for each processor, instruction set, number of threads and
/// version of the kernels. A file that is damaged or of something else counts as none.
/// </summary>
internal static class TuningCache
{
    const long LargestFile = 1 << 20;

    // One object for equal keys, so that options that load a model alike stay equal.
    static readonly Dictionary<string, (DateTime Written, TunedFormats? Formats)> s_read = new(StringComparer.Ordinal);
    static readonly Lock s_lock = new();

    /// <summary>Options that go by what was measured, where they leave it to the machine and something was measured.</summary>
    public static TranscriberOptions Apply(TranscriberOptions options)
    {
        bool given = options.Weights is not null || options.WeightsFor is not null || options.WeightPriority != WeightPriority.AsSaved;
        if (given) return options;
        return Load(new CpuOptions { Threads = options.Threads, InstructionSet = options.InstructionSet }) is { } tuned
            ? options with { Tuned = tuned }
            : options;
    }

    /// <summary>What was measured for such a device; null for nothing.</summary>
    public static TunedFormats? Load(CpuOptions options)
    {
        try
        {
            // Nothing is asked of the processor where nothing was ever measured.
            var folder = Path.Combine(EarshotCache.Folder, "tuned");
            if (!Directory.Exists(folder)) return null;
            var key = TuningKey.Of(options);
            var file = new FileInfo(PathOf(folder, key));
            if (!file.Exists || file.Length > LargestFile) return null;
            lock (s_lock)
            {
                if (s_read.TryGetValue(file.FullName, out var known) && known.Written == file.LastWriteTimeUtc) return known.Formats;
                var formats = TunedFormats.Parse(File.ReadAllBytes(file.FullName), key);
                s_read[file.FullName] = (file.LastWriteTimeUtc, formats);
                return formats;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or EarshotException or ArgumentException)
        {
            // What is wrong with an option or the environment is told by whoever needs it.
            return null;
        }
    }

    /// <summary>Keeps what was measured, beside what was measured before; null where that went well, otherwise why not.</summary>
    public static string? Save(CpuOptions options, TunedFormats measured, out string path)
    {
        var folder = Path.Combine(EarshotCache.Folder, "tuned");
        path = PathOf(folder, measured.Key);
        try
        {
            var all = Load(options)?.With(measured) ?? measured;
            using var file = OutputFile.Create(path);
            file.Writer.Write(Encoding.UTF8.GetString(all.ToJson()));
            file.Writer.Write('\n');
            file.Complete(overwrite: true);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return OutputFile.Reason(e, path);
        }
    }

    static string PathOf(string folder, TuningKey key)
    {
        ulong hash = XxHash3.HashToUInt64(Encoding.UTF8.GetBytes($"{key.Processor}\n{key.Kernels}"));
        return Path.Combine(
            folder, string.Create(CultureInfo.InvariantCulture, $"{key.Instructions}-{key.Threads}-threads-{hash:x16}.json"));
    }
}
