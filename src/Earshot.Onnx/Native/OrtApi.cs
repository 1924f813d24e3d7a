using System.Runtime.InteropServices;

namespace Earshot.Onnx.Native;

/// <summary>
/// ONNX Runtime's C functions, taken by index from its table <c>OrtApi</c> (onnxruntime_c_api.h): the table only ever grows at its end,
/// so an index never changes its meaning. A function that returns a status returns null for success.
/// </summary>
static unsafe class OrtApi
{
    /// <summary>The oldest table that has every function used here: ONNX Runtime 1.17.</summary>
    public const uint Version = 17;

    static nint* s_table;

    /// <summary>Takes the table of a loaded library; returns false where the library is older than <see cref="Version"/>.</summary>
    public static bool TryAttach(nint library, out string version)
    {
        version = "unknown";
        if (!NativeLibrary.TryGetExport(library, "OrtGetApiBase", out var entry)) return false;
        // struct OrtApiBase { const OrtApi* (*GetApi)(uint32_t); const char* (*GetVersionString)(); }
        var apiBase = ((delegate* unmanaged<nint*>)entry)();
        version = Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)apiBase[1])()) ?? version;
        var table = ((delegate* unmanaged<uint, nint*>)apiBase[0])(Version);
        if (table is null) return false;
        s_table = table;
        return true;
    }

    // Status
    public static delegate* unmanaged<nint, int> GetErrorCode => (delegate* unmanaged<nint, int>)s_table[1];
    public static delegate* unmanaged<nint, nint> GetErrorMessage => (delegate* unmanaged<nint, nint>)s_table[2];

    // Environment
    public static delegate* unmanaged<nint, nint, int, byte*, nint*, nint> CreateEnvWithCustomLogger =>
        (delegate* unmanaged<nint, nint, int, byte*, nint*, nint>)s_table[4];
    public static delegate* unmanaged<nint, nint> DisableTelemetryEvents => (delegate* unmanaged<nint, nint>)s_table[6];
    public static delegate* unmanaged<byte***, int*, nint> GetAvailableProviders => (delegate* unmanaged<byte***, int*, nint>)s_table[125];
    public static delegate* unmanaged<byte**, int, nint> ReleaseAvailableProviders => (delegate* unmanaged<byte**, int, nint>)s_table[126];
    public static delegate* unmanaged<nint> GetBuildInfoString => (delegate* unmanaged<nint>)s_table[254];

    // Session
    public static delegate* unmanaged<nint, void*, nint, nint*, nint> CreateSession =>
        (delegate* unmanaged<nint, void*, nint, nint*, nint>)s_table[7];
    public static delegate* unmanaged<nint, void*, nuint, nint, nint*, nint> CreateSessionFromArray =>
        (delegate* unmanaged<nint, void*, nuint, nint, nint*, nint>)s_table[8];
    public static delegate* unmanaged<nint, nint, byte**, nint*, nuint, byte**, nuint, nint*, nint> Run =>
        (delegate* unmanaged<nint, nint, byte**, nint*, nuint, byte**, nuint, nint*, nint>)s_table[9];
    public static delegate* unmanaged<nint, nuint*, nint> SessionGetInputCount => (delegate* unmanaged<nint, nuint*, nint>)s_table[30];
    public static delegate* unmanaged<nint, nuint*, nint> SessionGetOutputCount => (delegate* unmanaged<nint, nuint*, nint>)s_table[31];
    public static delegate* unmanaged<nint, nuint, nint*, nint> SessionGetInputTypeInfo =>
        (delegate* unmanaged<nint, nuint, nint*, nint>)s_table[33];
    public static delegate* unmanaged<nint, nuint, nint*, nint> SessionGetOutputTypeInfo =>
        (delegate* unmanaged<nint, nuint, nint*, nint>)s_table[34];
    public static delegate* unmanaged<nint, nuint, nint, byte**, nint> SessionGetInputName =>
        (delegate* unmanaged<nint, nuint, nint, byte**, nint>)s_table[36];
    public static delegate* unmanaged<nint, nuint, nint, byte**, nint> SessionGetOutputName =>
        (delegate* unmanaged<nint, nuint, nint, byte**, nint>)s_table[37];

    // Session options
    public static delegate* unmanaged<nint*, nint> CreateSessionOptions => (delegate* unmanaged<nint*, nint>)s_table[10];
    public static delegate* unmanaged<nint, void*, nint> SetOptimizedModelFilePath => (delegate* unmanaged<nint, void*, nint>)s_table[11];
    public static delegate* unmanaged<nint, int, nint> SetSessionExecutionMode => (delegate* unmanaged<nint, int, nint>)s_table[13];
    public static delegate* unmanaged<nint, void*, nint> EnableProfiling => (delegate* unmanaged<nint, void*, nint>)s_table[14];
    public static delegate* unmanaged<nint, nint> DisableMemPattern => (delegate* unmanaged<nint, nint>)s_table[17];
    public static delegate* unmanaged<nint, nint> DisableCpuMemArena => (delegate* unmanaged<nint, nint>)s_table[19];
    public static delegate* unmanaged<nint, int, nint> SetSessionLogSeverityLevel => (delegate* unmanaged<nint, int, nint>)s_table[22];
    public static delegate* unmanaged<nint, int, nint> SetSessionGraphOptimizationLevel =>
        (delegate* unmanaged<nint, int, nint>)s_table[23];
    public static delegate* unmanaged<nint, int, nint> SetIntraOpNumThreads => (delegate* unmanaged<nint, int, nint>)s_table[24];
    public static delegate* unmanaged<nint, int, nint> SetInterOpNumThreads => (delegate* unmanaged<nint, int, nint>)s_table[25];
    public static delegate* unmanaged<nint, byte*, long, nint> AddFreeDimensionOverrideByName =>
        (delegate* unmanaged<nint, byte*, long, nint>)s_table[124];
    public static delegate* unmanaged<nint, byte*, byte*, nint> AddSessionConfigEntry =>
        (delegate* unmanaged<nint, byte*, byte*, nint>)s_table[130];

    // Execution providers
    public static delegate* unmanaged<nint, nint, nint> AppendTensorRt => (delegate* unmanaged<nint, nint, nint>)s_table[170];
    public static delegate* unmanaged<nint*, nint> CreateTensorRtOptions => (delegate* unmanaged<nint*, nint>)s_table[171];
    public static delegate* unmanaged<nint, byte**, byte**, nuint, nint> UpdateTensorRtOptions =>
        (delegate* unmanaged<nint, byte**, byte**, nuint, nint>)s_table[172];
    public static delegate* unmanaged<nint, void> ReleaseTensorRtOptions => (delegate* unmanaged<nint, void>)s_table[174];
    public static delegate* unmanaged<nint, nint, nint> AppendCuda => (delegate* unmanaged<nint, nint, nint>)s_table[204];
    public static delegate* unmanaged<nint*, nint> CreateCudaOptions => (delegate* unmanaged<nint*, nint>)s_table[205];
    public static delegate* unmanaged<nint, byte**, byte**, nuint, nint> UpdateCudaOptions =>
        (delegate* unmanaged<nint, byte**, byte**, nuint, nint>)s_table[206];
    public static delegate* unmanaged<nint, void> ReleaseCudaOptions => (delegate* unmanaged<nint, void>)s_table[208];
    public static delegate* unmanaged<nint, byte*, byte**, byte**, nuint, nint> AppendProvider =>
        (delegate* unmanaged<nint, byte*, byte**, byte**, nuint, nint>)s_table[216];

    // Run options
    public static delegate* unmanaged<nint*, nint> CreateRunOptions => (delegate* unmanaged<nint*, nint>)s_table[39];
    public static delegate* unmanaged<nint, int, nint> RunOptionsSetRunLogSeverityLevel =>
        (delegate* unmanaged<nint, int, nint>)s_table[41];
    public static delegate* unmanaged<nint, byte*, nint> RunOptionsSetRunTag => (delegate* unmanaged<nint, byte*, nint>)s_table[42];
    public static delegate* unmanaged<nint, nint> RunOptionsSetTerminate => (delegate* unmanaged<nint, nint>)s_table[46];
    public static delegate* unmanaged<nint, nint> RunOptionsUnsetTerminate => (delegate* unmanaged<nint, nint>)s_table[47];
    public static delegate* unmanaged<nint, byte*, byte*, nint> AddRunConfigEntry =>
        (delegate* unmanaged<nint, byte*, byte*, nint>)s_table[165];

    // Values
    public static delegate* unmanaged<nint, long*, nuint, int, nint*, nint> CreateTensor =>
        (delegate* unmanaged<nint, long*, nuint, int, nint*, nint>)s_table[48];
    public static delegate* unmanaged<nint, void*, nuint, long*, nuint, int, nint*, nint> CreateTensorWithData =>
        (delegate* unmanaged<nint, void*, nuint, long*, nuint, int, nint*, nint>)s_table[49];
    public static delegate* unmanaged<nint, void**, nint> GetTensorMutableData => (delegate* unmanaged<nint, void**, nint>)s_table[51];
    public static delegate* unmanaged<nint, nint*, nint> CastTypeInfoToTensorInfo => (delegate* unmanaged<nint, nint*, nint>)s_table[55];
    public static delegate* unmanaged<nint, int*, nint> GetTensorElementType => (delegate* unmanaged<nint, int*, nint>)s_table[60];
    public static delegate* unmanaged<nint, nuint*, nint> GetDimensionsCount => (delegate* unmanaged<nint, nuint*, nint>)s_table[61];
    public static delegate* unmanaged<nint, long*, nuint, nint> GetDimensions => (delegate* unmanaged<nint, long*, nuint, nint>)s_table[62];
    public static delegate* unmanaged<nint, byte**, nuint, nint> GetSymbolicDimensions =>
        (delegate* unmanaged<nint, byte**, nuint, nint>)s_table[63];
    public static delegate* unmanaged<nint, nint*, nint> GetTensorTypeAndShape => (delegate* unmanaged<nint, nint*, nint>)s_table[65];
    public static delegate* unmanaged<nint, int*, nint> GetValueType => (delegate* unmanaged<nint, int*, nint>)s_table[67];
    public static delegate* unmanaged<nint, nint*, nint> GetTensorMemoryInfo => (delegate* unmanaged<nint, nint*, nint>)s_table[194];

    // Memory
    public static delegate* unmanaged<byte*, int, int, int, nint*, nint> CreateMemoryInfo =>
        (delegate* unmanaged<byte*, int, int, int, nint*, nint>)s_table[68];
    public static delegate* unmanaged<nint, nint*, nint> MemoryInfoGetName => (delegate* unmanaged<nint, nint*, nint>)s_table[71];
    public static delegate* unmanaged<nint, int*, nint> MemoryInfoGetId => (delegate* unmanaged<nint, int*, nint>)s_table[72];
    public static delegate* unmanaged<nint, int*, nint> MemoryInfoGetMemType => (delegate* unmanaged<nint, int*, nint>)s_table[73];
    public static delegate* unmanaged<nint, int*, void> MemoryInfoGetDeviceType => (delegate* unmanaged<nint, int*, void>)s_table[225];
    public static delegate* unmanaged<nint, void*, nint> AllocatorFree => (delegate* unmanaged<nint, void*, nint>)s_table[76];
    public static delegate* unmanaged<nint*, nint> GetDefaultAllocator => (delegate* unmanaged<nint*, nint>)s_table[78];
    public static delegate* unmanaged<nint, nint, nint*, nint> CreateAllocator =>
        (delegate* unmanaged<nint, nint, nint*, nint>)s_table[131];

    // IO binding
    public static delegate* unmanaged<nint, nint, nint, nint> RunWithBinding => (delegate* unmanaged<nint, nint, nint, nint>)s_table[133];
    public static delegate* unmanaged<nint, nint*, nint> CreateIoBinding => (delegate* unmanaged<nint, nint*, nint>)s_table[134];
    public static delegate* unmanaged<nint, byte*, nint, nint> BindInput => (delegate* unmanaged<nint, byte*, nint, nint>)s_table[136];
    public static delegate* unmanaged<nint, byte*, nint, nint> BindOutput => (delegate* unmanaged<nint, byte*, nint, nint>)s_table[137];
    public static delegate* unmanaged<nint, byte*, nint, nint> BindOutputToDevice =>
        (delegate* unmanaged<nint, byte*, nint, nint>)s_table[138];
    public static delegate* unmanaged<nint, nint, byte**, nuint**, nuint*, nint> GetBoundOutputNames =>
        (delegate* unmanaged<nint, nint, byte**, nuint**, nuint*, nint>)s_table[139];
    public static delegate* unmanaged<nint, nint, nint**, nuint*, nint> GetBoundOutputValues =>
        (delegate* unmanaged<nint, nint, nint**, nuint*, nint>)s_table[140];
    public static delegate* unmanaged<nint, void> ClearBoundInputs => (delegate* unmanaged<nint, void>)s_table[141];
    public static delegate* unmanaged<nint, void> ClearBoundOutputs => (delegate* unmanaged<nint, void>)s_table[142];
    public static delegate* unmanaged<nint, nint> SynchronizeBoundInputs => (delegate* unmanaged<nint, nint>)s_table[202];
    public static delegate* unmanaged<nint, nint> SynchronizeBoundOutputs => (delegate* unmanaged<nint, nint>)s_table[203];

    /// <summary>Gives an object back; its kind says which function does.</summary>
    public static void Release(OrtKind kind, nint pointer) => ((delegate* unmanaged<nint, void>)s_table[(int)kind])(pointer);

    /// <summary>Throws what a status says, and gives the status back.</summary>
    /// <exception cref="OnnxRuntimeException">The status is a failure; <paramref name="doing"/> begins its message.</exception>
    public static void Check(nint status, string doing)
    {
        if (status == 0) return;
        var (code, message) = Take(status);
        throw new OnnxRuntimeException($"{doing}: {message}", code);
    }

    /// <summary>The code and text of a status that is not null; gives the status back.</summary>
    public static (OnnxErrorCode Code, string Message) Take(nint status)
    {
        var code = (OnnxErrorCode)GetErrorCode(status);
        var message = Marshal.PtrToStringUTF8(GetErrorMessage(status))?.Trim() ?? "no text";
        Release(OrtKind.Status, status);
        return (code, message);
    }
}

/// <summary>The kinds of object that we own; the number is the index of the function that releases one.</summary>
enum OrtKind
{
    Status = 93,
    MemoryInfo = 94,
    Session = 95,
    Value = 96,
    RunOptions = 97,
    TypeInfo = 98,
    TensorTypeAndShapeInfo = 99,
    SessionOptions = 100,
    Allocator = 132,
    IoBinding = 135,
}
