using System.Globalization;
using Earshot.Live;

namespace Earshot.Cli.Options;

/// <summary>Policies by the names that users write.</summary>
internal static class LivePolicies
{
    static readonly LivePolicy[] s_all = [new AlignAtt(), new LocalAgreement(), new SpeechTurns(), new SlidingWindow()];

    public static IEnumerable<string> Names => s_all.Select(policy => policy.Name);

    /// <summary>
    /// A name and, behind a colon, settings with commas between them: times in seconds, and beams. A time without a name is the step.
    /// </summary>
    /// <exception cref="UsageException">There is no such policy, or it has no such setting.</exception>
    public static LivePolicy Parse(string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        var policy = s_all.FirstOrDefault(policy => policy.Name == (colon < 0 ? text : text[..colon]))
            ?? throw new UsageException(
                $"--live is '{text}'; expected one of {string.Join(", ", Names)}, such as align-att or align-att:step=0.5,threshold=0.4.");
        if (colon < 0) return policy;
        foreach (var setting in text[(colon + 1)..].Split(','))
        {
            int equals = setting.IndexOf('=', StringComparison.Ordinal);
            var (name, value) = equals < 0 ? ("step", setting) : (setting[..equals].Trim(), setting[(equals + 1)..]);
            policy = With(policy, name, value)
                ?? throw new UsageException(
                    $"--live is '{text}': '{setting}' is no setting of {policy.Name}; expected {string.Join(", ", SettingsOf(policy))}.");
        }
        return policy;
    }

    public static LivePolicy Of(string name) => s_all.First(policy => policy.Name == name);

    /// <exception cref="UsageException">The policy has no steps.</exception>
    public static LivePolicy WithStep(LivePolicy policy, TimeSpan step) =>
        With(policy, "step", step) ?? throw new UsageException($"--step has no meaning for {policy.Name}, which hears whole turns.");

    /// <summary>A policy with the settings that tell it from others of its name.</summary>
    public static string Describe(LivePolicy policy) => policy.Name + policy switch
    {
        AlignAtt p => $", step {Seconds(p.Step)}, threshold {Seconds(p.Threshold)}",
        LocalAgreement p => $", step {Seconds(p.Step)}, threshold {Seconds(p.Threshold)}{Beams(p.BeamSize)}",
        SpeechTurns p => Beams(p.BeamSize),
        SlidingWindow p => $", chunk {Seconds(p.Chunk)}, step {Seconds(p.Hop)}",
        _ => "",
    };

    static LivePolicy? With(LivePolicy policy, string name, string value)
    {
        if (name == "beams")
            return int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int beams) ? WithBeams(policy, beams) : null;
        return Times.Parse(value) is { } time ? With(policy, name, time) : null;
    }

    static LivePolicy? WithBeams(LivePolicy policy, int beams) => policy switch
    {
        LocalAgreement p => p with { BeamSize = beams },
        SpeechTurns p => p with { BeamSize = beams },
        _ => null,
    };

    static LivePolicy? With(LivePolicy policy, string name, TimeSpan time) => (policy, name) switch
    {
        (AlignAtt p, "step") => p with { Step = time },
        (AlignAtt p, "threshold") => p with { Threshold = time },
        (AlignAtt p, "least") => p with { LeastSound = time },
        (AlignAtt p, "rewind") => p with { Rewind = time },
        (AlignAtt p, "buffer") => p with { Buffer = time },
        (LocalAgreement p, "step") => p with { Step = time },
        (LocalAgreement p, "threshold") => p with { Threshold = time },
        (LocalAgreement p, "buffer") => p with { Buffer = time },
        (SlidingWindow p, "step") => p with { Step = time },
        (SlidingWindow p, "chunk") => p with { Chunk = time },
        (SlidingWindow p, "buffer") => p with { Buffer = time },
        _ => null,
    };

    static IEnumerable<string> SettingsOf(LivePolicy policy)
    {
        string[] times = ["step", "threshold", "least", "rewind", "chunk", "buffer"];
        var names = times.Where(name => With(policy, name, TimeSpan.FromSeconds(1)) is not null);
        return (WithBeams(policy, 1) is null ? names : names.Append("beams")).Select(name => name + "=…");
    }

    static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###} s");

    static string Beams(int count) => count == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $", {count} beams");
}
