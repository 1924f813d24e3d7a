using Earshot.Compute;

namespace Earshot.Checkpoints.Gguf;

/// <summary>One tensor as a GGUF file describes it.</summary>
/// <param name="Shape">Row-major, as everywhere here: the file's sizes in reverse.</param>
/// <param name="Offset">Where its data begins, counted from the start of the file.</param>
/// <param name="Bytes">Bytes of its data.</param>
public sealed record GgufTensorInfo(string Name, GgmlType Type, Shape Shape, long Offset, long Bytes);
