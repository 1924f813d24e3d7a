namespace Earshot.Onnx.Native;

/// <summary>ONNX Runtime's own error codes, and <see cref="NotFound"/> for a library that is not there.</summary>
public enum OnnxErrorCode
{
    NotFound = -1,
    None = 0,
    Fail = 1,
    InvalidArgument = 2,
    NoSuchFile = 3,
    NoModel = 4,
    EngineError = 5,
    RuntimeException = 6,
    InvalidProtobuf = 7,
    ModelLoaded = 8,
    NotImplemented = 9,
    InvalidGraph = 10,
    ExecutionProviderFail = 11,
}

/// <summary>ONNX Runtime that is absent, too old, or refused what it was asked; the message holds the runtime's own text.</summary>
public sealed class OnnxRuntimeException : EarshotException
{
    public OnnxRuntimeException(string message) : this(message, OnnxErrorCode.Fail) { }

    public OnnxRuntimeException(string message, OnnxErrorCode code) : base(message) => Code = code;

    public OnnxRuntimeException(string message, Exception? innerException) : base(message, innerException) => Code = OnnxErrorCode.Fail;

    /// <summary>The runtime's code for the failure.</summary>
    public OnnxErrorCode Code { get; }
}
