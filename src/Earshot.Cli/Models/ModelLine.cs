using Earshot.Checkpoints;

namespace Earshot.Cli.Models;

/// <summary>A model as <c>models list --json</c> prints it. Programs read this: fields may be added, none changes its meaning.</summary>
/// <param name="Where">box, cache, hub, ollama, lm-studio or llama.cpp.</param>
/// <param name="State">ready, incomplete, or available: on the hub alone.</param>
internal sealed record ModelLine(
    string Name, IReadOnlyList<string> ShortNames, string Where, string State, string Purpose, long? Bytes, bool IsComplete, string? Folder,
    IReadOnlyList<string> Revisions)
{
    public static ModelLine Of(ListedModel model) => new(
        model.Name,
        model.ShortNames,
        model.Where switch
        {
            ModelPlace.Box => "box",
            ModelPlace.Cache => "cache",
            ModelPlace.Ollama => "ollama",
            ModelPlace.LmStudio => "lm-studio",
            ModelPlace.LlamaCpp => "llama.cpp",
            _ => "hub",
        },
        model.Where == ModelPlace.Hub ? "available" : model.IsComplete ? "ready" : "incomplete",
        model.Purpose,
        model.Bytes,
        model.IsComplete,
        model.Folder,
        model.Revisions);
}
