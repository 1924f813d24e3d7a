namespace Earshot.Evaluation.Metrics;

/// <summary>
/// Scores who spoke when: DER by NIST's md-eval arithmetic in the protocol that the options name, and JER.
/// Sessions are told apart by name; channels are not looked at.
/// </summary>
public sealed class DiarizationScorer
{
    readonly DiarizationOptions _options;

    public DiarizationScorer(DiarizationOptions? options = null)
    {
        _options = options ?? DiarizationOptions.Full;
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.Collar, TimeSpan.Zero, nameof(options));
    }

    /// <summary>
    /// Scores all sessions that the reference or the UEM names; sessions the UEM lacks are scored over the extent the options name.
    /// </summary>
    public DiarizationResult Score(
        IEnumerable<SpeakerTurn> reference, IEnumerable<SpeakerTurn> system, IEnumerable<ScoredRegion>? uem = null)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(system);
        var references = reference.ToLookup(turn => turn.Session, StringComparer.Ordinal);
        var systems = system.ToLookup(turn => turn.Session, StringComparer.Ordinal);
        var regions = (uem ?? []).ToLookup(region => region.Session, StringComparer.Ordinal);
        var named = references.Select(group => group.Key).Union(regions.Select(group => group.Key))
            .Order(StringComparer.Ordinal).ToArray();
        var sessions = named
            .Select(session => ScoreSession(session, [.. references[session]], [.. systems[session]], [.. regions[session]]))
            .ToArray();
        return new DiarizationResult
        {
            Total = sessions.Aggregate(new DiarizationScore(), (total, session) => total + session.Score),
            Sessions = sessions,
            UnscoredSessions = [.. systems.Select(group => group.Key).Except(named).Order(StringComparer.Ordinal)],
        };
    }

    SessionDiarizationScore ScoreSession(string session, SpeakerTurn[] referenceTurns, SpeakerTurn[] systemTurns, ScoredRegion[] uem)
    {
        var (reference, system) = (SpeakerTimeline.Of(referenceTurns), SpeakerTimeline.Of(systemTurns));
        var evaluated = uem.Length > 0
            ? TimeIntervals.Union(uem.Select(region => new TimeInterval(region.Start.Ticks, region.End.Ticks)))
            : Extent(reference, system);
        var scored = Scored(evaluated, referenceTurns, reference);
        var systemOf = Match(_options.MatchOnScoredTimeOnly ? scored : evaluated, reference, system);
        var mapping = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var r = 0; r < systemOf.Length; r++)
        {
            if (systemOf[r] >= 0) mapping[reference.Names[r]] = system.Names[systemOf[r]];
        }
        return new SessionDiarizationScore
        {
            Session = session,
            Score = Sum(scored, reference, system, systemOf),
            Mapping = mapping,
            JaccardErrors = JaccardErrors(evaluated, reference, system),
        };
    }

    List<TimeInterval> Extent(SpeakerTimeline reference, SpeakerTimeline system)
    {
        var speech = reference.Speech.Concat(_options.Unmarked == UnmarkedExtent.ReferenceAndSystem ? system.Speech : []).ToArray();
        return speech.Length == 0 ? [] : [new TimeInterval(speech.Min(list => list[0].Start), speech.Max(list => list[^1].End))];
    }

    List<TimeInterval> Scored(List<TimeInterval> evaluated, SpeakerTurn[] turns, SpeakerTimeline reference)
    {
        var scored = evaluated;
        if (_options.Collar > TimeSpan.Zero)
        {
            var collar = _options.Collar.Ticks;
            var boundaries = turns.Where(turn => turn.End > turn.Start).SelectMany(turn => new[] { turn.Start.Ticks, turn.End.Ticks });
            scored = TimeIntervals.Subtract(
                scored, TimeIntervals.Union(boundaries.Select(time => new TimeInterval(time - collar, time + collar))));
        }
        return _options.ScoreOverlap ? scored : TimeIntervals.Subtract(scored, TimeIntervals.Overlaps(reference.Speech));
    }

    /// <summary>The system speaker of each reference speaker, −1 for none: the one-to-one mapping with the most common time.</summary>
    static int[] Match(List<TimeInterval> region, SpeakerTimeline reference, SpeakerTimeline system)
    {
        var common = CommonTime(region, reference, system).Common;
        var systemOf = OptimalAssignment.Maximize(common);
        for (var r = 0; r < systemOf.Length; r++)
        {
            if (systemOf[r] >= 0 && common[r, systemOf[r]] == 0) systemOf[r] = -1;
        }
        return systemOf;
    }

    static DiarizationScore Sum(List<TimeInterval> region, SpeakerTimeline reference, SpeakerTimeline system, int[] systemOf)
    {
        long scored = 0, missed = 0, falseAlarm = 0, confused = 0;
        foreach (var (length, speakers, found) in SpeakerTimeline.Pieces(region, reference, system))
        {
            var correct = speakers.Count(speaker => systemOf[speaker] >= 0 && found.Contains(systemOf[speaker]));
            scored += length * speakers.Count;
            missed += length * Math.Max(speakers.Count - found.Count, 0);
            falseAlarm += length * Math.Max(found.Count - speakers.Count, 0);
            confused += length * (Math.Min(speakers.Count, found.Count) - correct);
        }
        return new DiarizationScore { Scored = new(scored), Missed = new(missed), FalseAlarm = new(falseAlarm), Confused = new(confused) };
    }

    static Dictionary<string, double> JaccardErrors(List<TimeInterval> region, SpeakerTimeline reference, SpeakerTimeline system)
    {
        var (common, ofReference, ofSystem) = CommonTime(region, reference, system);
        var errors = new double[ofReference.Length, ofSystem.Length];
        for (var r = 0; r < ofReference.Length; r++)
        {
            for (var s = 0; s < ofSystem.Length; s++)
            {
                var union = ofReference[r] + ofSystem[s] - common[r, s];
                errors[r, s] = union > 0 ? 1 - common[r, s] / union : 1;
            }
        }
        var systemOf = OptimalAssignment.Minimize(errors);
        var ofSpeaker = new Dictionary<string, double>(StringComparer.Ordinal);
        for (var r = 0; r < ofReference.Length; r++)
        {
            // A speaker without speech in the region is no speaker of it.
            if (ofReference[r] > 0) ofSpeaker[reference.Names[r]] = systemOf[r] >= 0 ? errors[r, systemOf[r]] : 1;
        }
        return ofSpeaker;
    }

    /// <summary>Ticks are whole numbers that a double holds exactly (up to 28 years).</summary>
    static (double[,] Common, double[] OfReference, double[] OfSystem) CommonTime(
        List<TimeInterval> region, SpeakerTimeline reference, SpeakerTimeline system)
    {
        var common = new double[reference.Names.Length, system.Names.Length];
        var ofReference = new double[reference.Names.Length];
        var ofSystem = new double[system.Names.Length];
        foreach (var (length, speakers, found) in SpeakerTimeline.Pieces(region, reference, system))
        {
            foreach (var s in found) ofSystem[s] += length;
            foreach (var r in speakers)
            {
                ofReference[r] += length;
                foreach (var s in found) common[r, s] += length;
            }
        }
        return (common, ofReference, ofSystem);
    }
}
