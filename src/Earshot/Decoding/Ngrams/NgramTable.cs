namespace Earshot.Decoding.Ngrams;

/// <summary>
/// An n-gram's log₁₀ probability, and what it takes off that of a word after it that is known after fewer words only.
/// </summary>
readonly record struct Ngram(float Logprob, float Backoff);

/// <summary>
/// N-grams of one length by their hashes, with open addressing. Two n-grams of the same hash of 64 bits would be taken for one: with a
/// hundred million there is a chance of 1 in 3,700 that any are.
/// </summary>
sealed class NgramTable
{
    const int Least = 64;

    ulong[] _keys = new ulong[Least];
    Ngram[] _values = new Ngram[Least];

    public int Count { get; private set; }

    public long Bytes => (long)_keys.Length * (sizeof(ulong) + (2 * sizeof(float)));

    /// <summary>A hash of words, of which none is zero.</summary>
    public static ulong Hash(ReadOnlySpan<int> context, int word)
    {
        ulong hash = 0x9E3779B97F4A7C15;
        foreach (int id in context) hash = Mix(hash ^ (uint)id);
        hash = Mix(hash ^ (uint)word);
        return hash == 0 ? 1 : hash;
    }

    public Ngram? Find(ulong key)
    {
        for (int i = Place(key); _keys[i] != 0; i = (i + 1) & (_keys.Length - 1))
        {
            if (_keys[i] == key) return _values[i];
        }
        return null;
    }

    /// <summary>Adds an n-gram; false where it is there already.</summary>
    public bool Add(ulong key, Ngram value)
    {
        if (Count >= _keys.Length / 4 * 3) Grow();
        int i = Place(key);
        for (; _keys[i] != 0; i = (i + 1) & (_keys.Length - 1))
        {
            if (_keys[i] == key) return false;
        }
        (_keys[i], _values[i]) = (key, value);
        Count++;
        return true;
    }

    int Place(ulong key) => (int)(key >> 7) & (_keys.Length - 1);

    void Grow()
    {
        var (keys, values) = (_keys, _values);
        (_keys, _values, Count) = (new ulong[checked(keys.Length * 2)], new Ngram[keys.Length * 2], 0);
        for (int i = 0; i < keys.Length; i++)
        {
            if (keys[i] != 0) Add(keys[i], values[i]);
        }
    }

    // SplitMix64's finaliser, after its increment.
    static ulong Mix(ulong z)
    {
        z += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
