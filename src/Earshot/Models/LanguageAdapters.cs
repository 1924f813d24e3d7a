using Earshot.Compute;

namespace Earshot.Models;

/// <summary>
/// Languages that a model changes between as it runs: each has a few weights and letters of its own, beside weights that all share.
/// </summary>
public abstract class LanguageAdapters
{
    /// <summary>The languages whose weights are here, as the model's files name them.</summary>
    public abstract IReadOnlyList<string> Languages { get; }

    /// <summary>The language whose weights are in the checkpoint itself.</summary>
    public abstract string Default { get; }

    /// <summary>A language's name in the files, of a code or name that people use.</summary>
    /// <exception cref="ModelException">The model does not know it, or its weights are not here; the message says which are.</exception>
    public abstract string Find(string language);

    /// <summary>Whether a code or name means one language whose weights are here.</summary>
    public bool Knows(string language)
    {
        try
        {
            return Find(language).Length > 0;
        }
        catch (ModelException)
        {
            return false;
        }
    }

    /// <summary>Opens a language's weights and letters.</summary>
    /// <param name="language">Its name in the files.</param>
    /// <exception cref="CheckpointException">A file is missing or damaged, or holds other tensors than it should.</exception>
    public abstract LanguageAdapter Open(string language);
}

/// <summary>A model in one of its languages: other letters, other parts, and the tensors that are another's in the checkpoint.</summary>
public sealed class LanguageAdapter(SpeechModel model, ITensorStore tensors, IDisposable? file) : IDisposable
{
    /// <summary>What the model is in this language.</summary>
    public SpeechModel Model => model;

    /// <summary>The weights that are its own.</summary>
    public ITensorStore Tensors => tensors;

    public void Dispose() => file?.Dispose();
}
