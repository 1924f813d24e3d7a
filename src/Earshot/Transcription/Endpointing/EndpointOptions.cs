namespace Earshot.Transcription;

/// <summary>
/// When speech begins and when a turn is over. In brackets the names that OpenAI's realtime interface has for the same
/// (<c>turn_detection</c>, times in ms).
/// </summary>
public sealed record EndpointOptions
{
    /// <summary>Speech begins at this probability (<c>threshold</c>).</summary>
    public float Threshold { get; init; } = 0.5f;

    /// <summary>A pause begins below this probability; null for 0.15 less than the threshold.</summary>
    public float? NegThreshold { get; init; }

    /// <summary>Sound kept before the speech, its pre-roll (<c>prefix_padding_ms</c>).</summary>
    public TimeSpan PrefixPadding { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>Shorter sounds begin no turn.</summary>
    public TimeSpan MinSpeechDuration { get; init; } = TimeSpan.FromMilliseconds(64);

    /// <summary>
    /// A turn ends after a silence of this length, its hangover, where nothing tells more (<c>silence_duration_ms</c>).
    /// </summary>
    public TimeSpan SilenceDuration { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// The same where all tells that the speaker has finished. Waits between this and <see cref="SilenceDuration"/> are by how much tells
    /// so.
    /// </summary>
    public TimeSpan CompleteSilenceDuration { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// The same where all tells that the speaker will go on, and the longest wait of all (the time-outs of <c>eagerness</c>:
    /// <see cref="ForEagerness"/>).
    /// </summary>
    public TimeSpan IncompleteSilenceDuration { get; init; } = TimeSpan.FromSeconds(3.2);

    /// <summary>How far into a pause the end-of-turn detector is asked, once, about the sound up to here; where there is one.</summary>
    public TimeSpan QuestionDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// The probability of the end-of-turn detector that tells nothing: what is above shortens the wait; null for the detector's own
    /// threshold.
    /// </summary>
    public float? TurnThreshold { get; init; }

    /// <summary>
    /// How much a text says that ends as a sentence does, in log-odds; one that ends as an unfinished one says as much against it. 0 leaves
    /// the text out.
    /// </summary>
    public double TextWeight { get; init; } = 1;

    /// <summary>The log-odds from which on more evidence changes nothing: 2 are a probability of 0.88.</summary>
    public double Certainty { get; init; } = 2;

    /// <summary>Longer turns are cut, at their longest pause so far if there was one in their second half; null for no limit.</summary>
    public TimeSpan? MaxTurnDuration { get; init; }

    /// <summary>
    /// Options with the longest wait that OpenAI's <c>semantic_vad</c> has for an eagerness: <c>low</c> 8 s, <c>medium</c> and <c>auto</c>
    /// 4 s,
    /// <c>high</c> 2 s.
    /// </summary>
    /// <exception cref="ArgumentException">There is no such eagerness.</exception>
    public static EndpointOptions ForEagerness(string eagerness) => new()
    {
        IncompleteSilenceDuration = eagerness switch
        {
            "low" => TimeSpan.FromSeconds(8),
            "medium" or "auto" => TimeSpan.FromSeconds(4),
            "high" => TimeSpan.FromSeconds(2),
            _ => throw new ArgumentException(
                $"There is no eagerness '{eagerness}'; expected low, medium, high or auto.", nameof(eagerness)),
        },
    };

    internal float EndThreshold => VadOptions.EndThresholdOf(Threshold, NegThreshold);

    /// <summary>What a text's end says, in log-odds that the turn is over.</summary>
    internal double EvidenceOf(TextEnding ending) => ending switch
    {
        TextEnding.Sentence => TextWeight,
        TextEnding.Open => -TextWeight,
        _ => 0,
    };

    /// <summary>What an end-of-turn detector's answer says, in log-odds that the turn is over.</summary>
    /// <param name="threshold">The answer that says nothing.</param>
    internal static double EvidenceOf(float answer, float threshold) => LogOdds(answer) - LogOdds(threshold);

    static double LogOdds(double probability)
    {
        double inside = Math.Clamp(probability, 1e-6, 1 - 1e-6);
        return Math.Log(inside / (1 - inside));
    }

    /// <summary>The silence that ends a turn.</summary>
    /// <param name="evidence">Log-odds that the turn is over: 0 where nothing is known.</param>
    internal TimeSpan WaitFor(double evidence)
    {
        double share = Math.Min(1, Math.Abs(evidence) / Certainty);
        var limit = evidence > 0 ? CompleteSilenceDuration : IncompleteSilenceDuration;
        return SilenceDuration + ((limit - SilenceDuration) * share);
    }

    /// <exception cref="ArgumentException">An option is out of its range, or two contradict each other.</exception>
    public void Validate()
    {
        VadOptions.CheckThresholds("endpointing", Threshold, NegThreshold);
        Require(TurnThreshold is null or (> 0 and < 1), nameof(TurnThreshold), "above 0 and below 1", TurnThreshold);
        Require(TextWeight is >= 0 and <= 100, nameof(TextWeight), "from 0 to 100", TextWeight);
        Require(Certainty is > 0 and <= 100, nameof(Certainty), "above 0 and at most 100", Certainty);
        RequireTime(PrefixPadding, nameof(PrefixPadding), TimeSpan.Zero);
        RequireTime(MinSpeechDuration, nameof(MinSpeechDuration), TimeSpan.Zero);
        RequireTime(QuestionDelay, nameof(QuestionDelay), TimeSpan.Zero);
        RequireTime(CompleteSilenceDuration, nameof(CompleteSilenceDuration), TimeSpan.Zero);
        RequireTime(SilenceDuration, nameof(SilenceDuration), CompleteSilenceDuration);
        RequireTime(IncompleteSilenceDuration, nameof(IncompleteSilenceDuration), SilenceDuration);
        Require(
            MaxTurnDuration is null || MaxTurnDuration >= TimeSpan.FromSeconds(1), nameof(MaxTurnDuration), "at least 1 s",
            MaxTurnDuration);
    }

    static void RequireTime(TimeSpan time, string option, TimeSpan least) =>
        Require(time >= least && time <= TimeSpan.FromMinutes(1), option, $"from {least} to 1 minute", time);

    static void Require<T>(bool holds, string option, string expected, T got)
    {
        if (!holds) throw new ArgumentException($"The endpointing option {option} is {got}; expected {expected}.", option);
    }
}
