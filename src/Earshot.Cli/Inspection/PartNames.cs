namespace Earshot.Cli.Inspection;

/// <summary>
/// Names of a model's parts for people, made of its tensors' names: the first two words of the path, numbers left out and a first word that
/// most tensors share: <c>model.encoder.layers.0.fc1.weight</c> is one of the "encoder layers".
/// </summary>
internal sealed class PartNames
{
    readonly string? _shared;

    public PartNames(IEnumerable<string> tensors)
    {
        var first = tensors.Select(name => name.Split('.')).Where(words => words.Length > 2).ToList();
        var most = first.GroupBy(words => words[0]).MaxBy(group => group.Count());
        // A word tells nothing where nearly all have it, and others still tell them apart.
        if (most is not null && most.Count() > 0.9 * first.Count && most.Select(words => words[1]).Distinct().Skip(1).Any())
            _shared = $"{most.Key}.";
    }

    public string Of(string tensor)
    {
        var path = _shared is not null && tensor.StartsWith(_shared, StringComparison.Ordinal) ? tensor[_shared.Length..] : tensor;
        // The last word is the parameter's own.
        var words = path.Split('.')[..^1].Select(word => word.TrimEnd('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'))
            .Where(word => word.Length > 0).Take(2).ToList();
        return words.Count == 0 ? path : string.Join(' ', words).Replace('_', ' ');
    }
}
