using Earshot.Checkpoints;

namespace Earshot.Models;

/// <summary>
/// A kind of model: how its folders are read, and the sizes that were published. A newcomer writes one of these, and a line in
/// <see cref="ModelFamilies"/>.
/// </summary>
public abstract class ModelFamily
{
    /// <summary>The kinds that it opens, as <c>model_type</c> in <c>config.json</c> names them.</summary>
    public abstract IReadOnlyList<string> ModelTypes { get; }

    /// <summary>Reads a folder's settings and tokenizer, and no weight.</summary>
    /// <exception cref="CheckpointException">A file is missing or damaged, or a setting is not implemented.</exception>
    public abstract SpeechModel Open(ModelFolder folder);

    /// <summary>Published sizes by name, for building models of that shape without their weights.</summary>
    public virtual IReadOnlyDictionary<string, Func<SpeechModel>> Shapes { get; } = new Dictionary<string, Func<SpeechModel>>();
}
