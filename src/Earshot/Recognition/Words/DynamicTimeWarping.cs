namespace Earshot.Recognition;

/// <summary>The cheapest path through a matrix on which neither tokens nor frames run backwards.</summary>
static class DynamicTimeWarping
{
    const byte Both = 0, Token = 1, Frame = 2;

    /// <summary>The first frame of each token on the path that gathers most.</summary>
    /// <param name="gain">(tokens, frames); what the path gathers.</param>
    public static int[] FirstFrames(ReadOnlySpan<float> gain, int tokens, int frames)
    {
        var steps = new byte[tokens * frames];
        var above = new float[frames + 1];
        var current = new float[frames + 1];
        above.AsSpan(1).Fill(float.PositiveInfinity);
        for (int t = 0; t < tokens; t++)
        {
            current[0] = float.PositiveInfinity;
            for (int f = 0; f < frames; f++)
            {
                float both = above[f], token = above[f + 1], frame = current[f];
                // The reference's order among equals: along the frames.
                byte step = both < token && both < frame ? Both : token < both && token < frame ? Token : Frame;
                float cost = step switch { Both => both, Token => token, _ => frame };
                current[f + 1] = cost - gain[(t * frames) + f];
                steps[(t * frames) + f] = step;
            }
            (above, current) = (current, above);
        }
        return Trace(steps, tokens, frames);
    }

    static int[] Trace(byte[] steps, int tokens, int frames)
    {
        var first = new int[tokens];
        int t = tokens - 1, f = frames - 1;
        while (true)
        {
            first[t] = f;
            if (t == 0 && f == 0) return first;
            byte step = t == 0 ? Frame : f == 0 ? Token : steps[(t * frames) + f];
            if (step != Frame) t--;
            if (step != Token) f--;
        }
    }
}
