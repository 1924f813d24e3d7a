using System.Runtime.InteropServices;
using System.Text;

namespace Earshot.Onnx.Native;

/// <summary>Finds and loads ONNX Runtime's shared library.</summary>
static class OnnxRuntimeLibrary
{
    /// <summary>The environment variable that names the library's file or folder; where it is set, nothing else is tried.</summary>
    public const string Variable = "EARSHOT_ONNXRUNTIME";

    /// <summary>What to do about a library that is absent or too old.</summary>
    public const string HowToGet =
        "Reference the package Microsoft.ML.OnnxRuntime, or Microsoft.ML.OnnxRuntime.Gpu.Linux for CUDA and TensorRT, " +
        "in the application's project, " +
        $"or set {Variable} to the library's file or folder.";

    /// <summary>
    /// Loads the first library found; <paramref name="path"/> is its file, or its bare name where the system's loader found it.
    /// </summary>
    /// <exception cref="OnnxRuntimeException">None was found or the one found could not be loaded; the message lists where it
    /// looked.</exception>
    public static nint Load(string? configured, out string path)
    {
        var looked = new List<string>();
        foreach (var candidate in configured is { Length: > 0 } ? Configured(configured, looked) : Candidates(looked))
        {
            try
            {
                path = candidate;
                return NativeLibrary.Load(candidate);
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
            {
                looked.Add($"{candidate} (found, but it could not be loaded: {FirstLine(e.Message)})");
            }
        }
        if (configured is not { Length: > 0 })
        {
            foreach (var name in SystemNames)
            {
                path = name;
                // With the assembly, the host's own folders of native libraries are tried too, such as the one a single-file program
                // unpacks to.
                if (NativeLibrary.TryLoad(name, typeof(OnnxRuntimeLibrary).Assembly, searchPath: null, out var handle)) return handle;
            }
            looked.Add("the folders of the host's and the system's loader");
        }
        throw new OnnxRuntimeException(Missing(looked), OnnxErrorCode.NotFound);
    }

    static string Missing(List<string> looked)
    {
        var text = new StringBuilder("ONNX Runtime's library was not found. Looked at:");
        foreach (var place in looked) text.Append("\n  ").Append(place);
        text.Append('\n').Append(HowToGet);
        return text.ToString();
    }

    static string[] Configured(string configured, List<string> looked)
    {
        if (File.Exists(configured)) return [Path.GetFullPath(configured)];
        return InFolder(Path.GetFullPath(configured), looked, $"{Variable} = ");
    }

    static IEnumerable<string> Candidates(List<string> looked)
    {
        var application = AppContext.BaseDirectory;
        // A build has the package's natives under runtimes/, a publish for one platform beside the program.
        foreach (var file in InFolder(Path.Combine(application, "runtimes", RuntimeIdentifier, "native"), looked)) yield return file;
        foreach (var file in InFolder(application, looked)) yield return file;
    }

    static string[] InFolder(string folder, List<string> looked, string prefix = "")
    {
        string[] files = [];
        if (Directory.Exists(folder))
        {
            files = Directory.GetFiles(folder, FilePattern);
            // The plain name first; versioned ones (libonnxruntime.so.1) in order; provider libraries (libonnxruntime_providers_…) never
            // match.
            Array.Sort(files, StringComparer.Ordinal);
        }
        if (files.Length == 0) looked.Add(prefix + folder);
        return files;
    }

    static string FirstLine(string message) =>
        message.AsSpan().Trim().IndexOfAny('\r', '\n') is >= 0 and var end ? message.Trim()[..end] : message;

    static string FilePattern =>
        OperatingSystem.IsWindows() ? "onnxruntime.dll" : OperatingSystem.IsMacOS() ? "libonnxruntime.*dylib" : "libonnxruntime.so*";

    static string[] SystemNames => OperatingSystem.IsWindows() ? ["onnxruntime"] : OperatingSystem.IsMacOS() ? ["libonnxruntime.dylib"]
        : ["libonnxruntime.so.1", "libonnxruntime.so"];

    static string Architecture =>
        RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "x64";

    static string RuntimeIdentifier =>
        (OperatingSystem.IsWindows() ? "win-" : OperatingSystem.IsMacOS() ? "osx-" : "linux-") + Architecture;
}
