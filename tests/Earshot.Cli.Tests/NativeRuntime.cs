using Earshot.Onnx.Runtime;

namespace Earshot.Cli.Tests;

/// <summary>Tests that need ONNX Runtime's library begin with <see cref="Require"/>.</summary>
internal static class NativeRuntime
{
    /// <summary>Skips the running test, with the reason, where the library is absent.</summary>
    public static void Require() => Assert.SkipUnless(OnnxEnvironment.IsAvailable(out var reason), reason ?? "");
}
