using Earshot.Recognition;

namespace Earshot.Live;

/// <summary>A policy at work on one stream: when it is heard, and which words of a hearing are settled.</summary>
interface ILiveDecider
{
    /// <summary>Samples between two hearings of a turn; null where it is heard when it has ended.</summary>
    long? Step { get; }

    /// <summary>Whether a pause is heard early, in case that the turn is over.</summary>
    bool LooksEarly { get; }

    int BeamSize { get; }

    /// <summary>Whether a hearing goes on behind the words that are settled; else each stands alone.</summary>
    bool GoesOn { get; }

    /// <summary>Samples kept, beyond which settled words are cut off at the front.</summary>
    long MostBuffer { get; }

    /// <summary>Samples that the next hearing hears again, where hearings stand alone.</summary>
    long Overlap { get; }

    /// <summary>Divides the words heard behind the settled ones. Where nothing is to follow, all are final.</summary>
    /// <param name="start">Where the sound heard begins, in seconds.</param>
    /// <param name="end">Where it ends.</param>
    Decision Decide(HeardText heard, double start, double end, bool isLast);

    /// <summary>A new turn begins.</summary>
    void Reset();
}

/// <summary>Words that are settled now, and those that may still change.</summary>
readonly record struct Decision(IReadOnlyList<HeardWord> Final, IReadOnlyList<HeardWord> Partial)
{
    /// <summary>The first words are final.</summary>
    public static Decision Cut(IReadOnlyList<HeardWord> words, int final) => new([.. words.Take(final)], [.. words.Skip(final)]);
}
