namespace Earshot.PeerBench;

/// <summary>An engine that is measured.</summary>
internal interface IPeer
{
    string Name { get; }

    /// <summary>
    /// Seconds that prompts take, or, where there are tokens, that as many take to write behind each, all texts together, without their
    /// prompts.
    /// </summary>
    Task<double> MeasureAsync(int[][] prompts, int tokens);
}
