namespace Earshot.Evaluation.Metrics;

/// <summary>What an aligned pair is.</summary>
public enum EditKind
{
    Hit,
    Substitution,
    /// <summary>A reference unit that the hypothesis lacks.</summary>
    Deletion,
    /// <summary>A hypothesis unit that the reference lacks.</summary>
    Insertion,
}

/// <summary>
/// One step of an alignment. A deletion's <see cref="HypothesisIndex"/> and an insertion's <see cref="ReferenceIndex"/>
/// is the place in the other text where the step happens (the index of its next unit).
/// </summary>
public readonly record struct Edit(EditKind Kind, int ReferenceIndex, int HypothesisIndex);
