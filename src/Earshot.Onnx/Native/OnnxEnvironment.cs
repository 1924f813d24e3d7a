using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Earshot.Onnx.Native;

/// <summary>How grave a message of ONNX Runtime's log is.</summary>
public enum OnnxLogSeverity
{
    Verbose = 0,
    Information = 1,
    Warning = 2,
    Error = 3,
    Fatal = 4,
}

/// <summary>One line of ONNX Runtime's log.</summary>
public sealed record OnnxLogMessage(OnnxLogSeverity Severity, string Category, string Location, string Text);

/// <summary>ONNX Runtime in this process: loaded once, on first use, and kept until the process ends.</summary>
public sealed unsafe class OnnxEnvironment
{
    static readonly Lock s_lock = new();
    static OnnxEnvironment? s_current;

    OnnxEnvironment(string libraryPath, string version)
    {
        LibraryPath = libraryPath;
        Version = version;
        nint pointer;
        fixed (byte* name = "earshot\0"u8)
        {
            OrtApi.Check(
                OrtApi.CreateEnvWithCustomLogger(
                    (nint)(delegate* unmanaged<nint, int, byte*, byte*, byte*, byte*, void>)&Log, 0, (int)OnnxLogSeverity.Warning, name,
                    &pointer), "ONNX Runtime could not be started");
        }
        Pointer = pointer;
        OrtApi.Check(OrtApi.DisableTelemetryEvents(pointer), "ONNX Runtime's telemetry could not be switched off");
        AvailableProviders = ReadProviders();
        BuildInfo = Marshal.PtrToStringUTF8(OrtApi.GetBuildInfoString()) ?? "";
    }

    /// <summary>The process's one environment; loads the library on first use.</summary>
    /// <exception cref="OnnxRuntimeException">The library was not found or is too old.</exception>
    public static OnnxEnvironment Current
    {
        get
        {
            if (Volatile.Read(ref s_current) is { } current) return current;
            lock (s_lock) return s_current ??= Load(Environment.GetEnvironmentVariable(OnnxRuntimeLibrary.Variable));
        }
    }

    /// <summary>
    /// Raised for each line of the runtime's log (warnings and graver, unless options ask for more), on any thread; silent while nobody
    /// listens.
    /// </summary>
    public static event Action<OnnxLogMessage>? Logged;

    /// <summary>The library's file, or its bare name where the system's loader found it.</summary>
    public string LibraryPath { get; }

    /// <summary>The library's version, such as 1.31.1.</summary>
    public string Version { get; }

    /// <summary>The library's own words on how it was built.</summary>
    public string BuildInfo { get; }

    /// <summary>
    /// The execution providers that this build knows, by ONNX Runtime's names (<c>CPUExecutionProvider</c>); their libraries and devices
    /// may still be absent.
    /// </summary>
    public IReadOnlyList<string> AvailableProviders { get; }

    internal nint Pointer { get; }

    /// <summary>
    /// Whether ONNX Runtime can be used here; where not, <paramref name="reason"/> says where it was looked for and how to get it.
    /// </summary>
    public static bool IsAvailable([NotNullWhen(false)] out string? reason)
    {
        try
        {
            _ = Current;
            reason = null;
            return true;
        }
        catch (OnnxRuntimeException e)
        {
            reason = e.Message;
            return false;
        }
    }

    internal static OnnxEnvironment Load(string? configured)
    {
        var library = OnnxRuntimeLibrary.Load(configured, out var path);
        if (OrtApi.TryAttach(library, out var version)) return new OnnxEnvironment(path, version);
        throw new OnnxRuntimeException(
            $"'{path}' is ONNX Runtime {version}; 1.{OrtApi.Version} or later is needed. {OnnxRuntimeLibrary.HowToGet}",
            OnnxErrorCode.NotFound);
    }

    static List<string> ReadProviders()
    {
        byte** names;
        int count;
        OrtApi.Check(OrtApi.GetAvailableProviders(&names, &count), "The execution providers could not be listed");
        var providers = new List<string>(count);
        for (int i = 0; i < count; i++) providers.Add(Marshal.PtrToStringUTF8((nint)names[i]) ?? "");
        OrtApi.Check(OrtApi.ReleaseAvailableProviders(names, count), "The list of execution providers could not be given back");
        return providers;
    }

    [UnmanagedCallersOnly]
    static void Log(nint parameter, int severity, byte* category, byte* logId, byte* location, byte* message)
    {
        var logged = Logged;
        if (logged is null) return;
        try
        {
            logged(new OnnxLogMessage((OnnxLogSeverity)severity, Text(category), Text(location), Text(message)));
        }
        catch (Exception)
        {
            // An exception must not run through native frames; a listener's failure costs only its line.
        }
    }

    static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";
}
