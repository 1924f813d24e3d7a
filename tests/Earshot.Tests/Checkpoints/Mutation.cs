namespace Earshot.Checkpoints;

/// <summary>Damages a file as bad disks, cut transfers and bad people do.</summary>
static class Mutation
{
    static ReadOnlySpan<byte> Telling => "{}[]\":,0919-.\\\n =\xFF\x00"u8;

    public static byte[] Of(byte[] original, Random random)
    {
        var bytes = new List<byte>(original);
        for (int edits = random.Next(1, 4); edits > 0 && bytes.Count > 0; edits--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes[at] = Telling[random.Next(Telling.Length)]; break;
                case 2: bytes.RemoveAt(at); break;
                case 3: bytes.Insert(at, Telling[random.Next(Telling.Length)]); break;
                case 4: bytes.RemoveRange(at, random.Next(Math.Min(bytes.Count - at, 64))); break;
                default: bytes.RemoveRange(at, bytes.Count - at); break;
            }
        }
        return [.. bytes];
    }
}
