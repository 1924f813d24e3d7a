namespace Earshot.Live;

/// <summary>Compares words as they are spoken: letters and digits, in either case.</summary>
static class SpokenForm
{
    public static bool Same(string a, string b)
    {
        int i = 0, j = 0;
        bool any = false;
        while (true)
        {
            while (i < a.Length && !char.IsLetterOrDigit(a[i]) && !char.IsSurrogate(a[i])) i++;
            while (j < b.Length && !char.IsLetterOrDigit(b[j]) && !char.IsSurrogate(b[j])) j++;
            if (i == a.Length || j == b.Length) break;
            if (char.ToUpperInvariant(a[i++]) != char.ToUpperInvariant(b[j++])) return false;
            any = true;
        }
        // Marks alone are the same only when they are.
        return i == a.Length && j == b.Length && (any || a.Trim() == b.Trim());
    }
}
