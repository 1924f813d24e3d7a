namespace Earshot.Live;

/// <summary>
/// When a stream is heard, and which of the words are settled then. Hearings are at fixed places of the sound, whatever pieces it comes in.
/// </summary>
public abstract record LivePolicy
{
    private protected LivePolicy() { }

    /// <summary>A name for messages and options.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// The policy that can hold a delay, in milliseconds, of words behind speech: up to 700 <see cref="AlignAtt"/>, up to 3,000
    /// <see cref="LocalAgreement"/>, above that <see cref="SpeechTurns"/>.
    /// </summary>
    public static LivePolicy ForLatency(int milliseconds)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(milliseconds, 1);
        return milliseconds switch
        {
            <= 200 => new AlignAtt
            {
                Step = TimeSpan.FromMilliseconds(250),
                Threshold = TimeSpan.FromMilliseconds(200),
                LeastSound = TimeSpan.FromMilliseconds(600),
            },
            <= 700 => new AlignAtt(),
            <= 1500 => new LocalAgreement { Step = TimeSpan.FromMilliseconds(500) },
            <= 3000 => new LocalAgreement(),
            _ => new SpeechTurns(),
        };
    }

    internal abstract ILiveDecider CreateDecider();

    internal virtual void Validate() { }

    private protected static void Require<T>(bool holds, string option, string expected, T got)
    {
        if (!holds) throw new ArgumentException($"The live option {option} is {got}; expected {expected}.", option);
    }
}

/// <summary>
/// Words are final once two hearings in a row agree on them: LocalAgreement-2 (Macháček et al. 2023, arXiv:2307.14743).
/// </summary>
public sealed record LocalAgreement : LivePolicy
{
    public override string Name => "local-agreement";

    /// <summary>Sound between two hearings.</summary>
    public TimeSpan Step { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Sound kept at most, before what is settled is cut off at the front.</summary>
    public TimeSpan Buffer { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Beams of a hearing; 1 is greedy.</summary>
    public int BeamSize { get; init; } = 5;

    /// <summary>
    /// A word that looks closer than this to the sound's end may be cut off, and is not final though hearings agree on it.
    /// </summary>
    public TimeSpan Threshold { get; init; } = TimeSpan.FromMilliseconds(400);

    internal override ILiveDecider CreateDecider() => new AgreementDecider(this);

    internal override void Validate()
    {
        Require(Step >= TimeSpan.FromMilliseconds(100) && Step <= TimeSpan.FromSeconds(10), nameof(Step), "0.1 to 10 s", Step);
        Require(Buffer >= TimeSpan.FromSeconds(4) && Buffer <= TimeSpan.FromSeconds(25), nameof(Buffer), "4 to 25 s", Buffer);
        Require(BeamSize is >= 1 and <= 64, nameof(BeamSize), "1 to 64", BeamSize);
        Require(
            Threshold >= TimeSpan.Zero && Threshold <= TimeSpan.FromSeconds(3), nameof(Threshold), "0 to 3 s", Threshold);
    }
}

/// <summary>
/// Words are final up to where the decoder's attention reaches the end of the sound (AlignAtt: Papi et al. 2023, arXiv:2305.11408). Needs a
/// model whose attention follows the sound, or one that tells times.
/// </summary>
public sealed record AlignAtt : LivePolicy
{
    public override string Name => "align-att";

    /// <summary>Sound between two hearings.</summary>
    public TimeSpan Step { get; init; } = TimeSpan.FromMilliseconds(400);

    /// <summary>A word that looks closer than this to the sound's end may be cut off, and is not final.</summary>
    public TimeSpan Threshold { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>
    /// With less sound than this, that before the speech included, nothing is final: models guess what they have not heard.
    /// </summary>
    public TimeSpan LeastSound { get; init; } = TimeSpan.FromMilliseconds(1500);

    /// <summary>Where attention jumps back further than this, the text has lost its way, and nothing behind is final.</summary>
    public TimeSpan Rewind { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>Sound kept at most, before what is settled is cut off at the front.</summary>
    public TimeSpan Buffer { get; init; } = TimeSpan.FromSeconds(10);

    internal override ILiveDecider CreateDecider() => new AttentionDecider(this);

    internal override void Validate()
    {
        Require(Step >= TimeSpan.FromMilliseconds(100) && Step <= TimeSpan.FromSeconds(10), nameof(Step), "0.1 to 10 s", Step);
        Require(
            Threshold >= TimeSpan.Zero && Threshold <= TimeSpan.FromSeconds(3), nameof(Threshold), "0 to 3 s", Threshold);
        Require(
            LeastSound >= TimeSpan.Zero && LeastSound <= TimeSpan.FromSeconds(5), nameof(LeastSound), "0 to 5 s", LeastSound);
        Require(Rewind >= TimeSpan.FromMilliseconds(100), nameof(Rewind), "at least 0.1 s", Rewind);
        Require(Buffer >= TimeSpan.FromSeconds(4) && Buffer <= TimeSpan.FromSeconds(25), nameof(Buffer), "4 to 25 s", Buffer);
    }
}

/// <summary>
/// Whole turns of speech, each heard once when it has ended: the least work, and no word before the end.
/// </summary>
public sealed record SpeechTurns : LivePolicy
{
    public override string Name => "turns";

    /// <summary>Beams of the hearing; 1 is greedy.</summary>
    public int BeamSize { get; init; } = 5;

    /// <summary>
    /// Whether the turn is heard at each pause in it already, so that its words are there the moment it has ended; it is heard that much
    /// more often.
    /// </summary>
    public bool LooksEarly { get; init; }

    internal override ILiveDecider CreateDecider() => new TurnDecider(this);

    internal override void Validate() => Require(BeamSize is >= 1 and <= 64, nameof(BeamSize), "1 to 64", BeamSize);
}

/// <summary>
/// The baseline: short chunks that overlap, each heard for itself, merged by the words that they have in common and their times. Words are
/// final when no later chunk reaches back to them.
/// </summary>
public sealed record SlidingWindow : LivePolicy
{
    public override string Name => "sliding-window";

    /// <summary>Sound heard at a time.</summary>
    public TimeSpan Chunk { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Sound between two hearings; null for half a chunk.</summary>
    public TimeSpan? Step { get; init; }

    /// <summary>Sound heard at a time at most, where the machine does not keep up and chunks grow.</summary>
    public TimeSpan Buffer { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Sound between two hearings.</summary>
    public TimeSpan Hop => Step ?? (Chunk / 2);

    internal override ILiveDecider CreateDecider() => new SlidingDecider(this);

    internal override void Validate()
    {
        Require(Chunk >= TimeSpan.FromSeconds(1) && Chunk <= TimeSpan.FromSeconds(25), nameof(Chunk), "1 to 25 s", Chunk);
        Require(
            Step is null || (Step >= TimeSpan.FromMilliseconds(100) && Step <= Chunk), nameof(Step), "0.1 s to a chunk", Step);
        Require(Buffer >= Chunk && Buffer <= TimeSpan.FromSeconds(30), nameof(Buffer), "a chunk to 30 s", Buffer);
    }
}
