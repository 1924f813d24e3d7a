using System.Runtime.InteropServices;

namespace Earshot.Checkpoints;

/// <summary>A stored tensor whose bytes are mapped into memory.</summary>
interface IMappedTensor
{
    /// <summary>The mapped file, and where in the mapping the elements begin.</summary>
    (SafeBuffer Memory, long Offset) Mapped { get; }

    /// <summary>Notices a file that was shortened or written to since it was opened.</summary>
    /// <exception cref="CheckpointException">It was.</exception>
    void ThrowIfChanged();

    /// <summary>What the file says about itself.</summary>
    IReadOnlyDictionary<string, string> Metadata { get; }
}
