namespace Earshot.Onnx.Native;

/// <summary>A wished provider that is not used, and why.</summary>
public sealed record SkippedProvider(ExecutionProvider Provider, string Reason);

/// <summary>What a session runs on, and why not on the rest of the wish.</summary>
public sealed record ProviderReport(IReadOnlyList<ExecutionProvider> Used, IReadOnlyList<SkippedProvider> Skipped)
{
    /// <summary>One sentence, as in <c>Runs on cpu; cuda is not used because this build of ONNX Runtime does not have it.</c></summary>
    public override string ToString()
    {
        var used = Used.Count == 0 ? "Runs on nothing" : $"Runs on {string.Join(", then ", Used.Select(provider => provider.Name))}";
        return used + string.Concat(Skipped.Select(skipped => $"; {skipped.Provider.Name} is not used because {skipped.Reason}")) + ".";
    }
}
