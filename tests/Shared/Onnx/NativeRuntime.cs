using Earshot.Onnx.Native;

namespace Earshot.Testing;

/// <summary>Tests that need ONNX Runtime's library begin with <see cref="Require"/>.</summary>
internal static class NativeRuntime
{
    /// <summary>
    /// Fails the running test, with the places looked at, where the library is absent: it comes with the tests' packages.
    /// </summary>
    public static void Require()
    {
        if (!OnnxEnvironment.IsAvailable(out var reason)) Assert.Fail(reason);
    }
}
