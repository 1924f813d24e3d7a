namespace Earshot.Onnx.Graph;

/// <summary>
/// An ONNX file or graph that is damaged, hostile, or not what ONNX allows; the message says where and what was expected.
/// </summary>
public sealed class OnnxModelException : EarshotException
{
    public OnnxModelException(string message) : base(message) { }

    public OnnxModelException(string message, Exception? innerException) : base(message, innerException) { }
}
