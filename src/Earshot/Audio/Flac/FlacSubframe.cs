namespace Earshot.Audio;

/// <summary>Decodes one channel of one FLAC frame (RFC 9639, section 9.2).</summary>
internal static class FlacSubframe
{
    const int MaxOrder = 32;

    /// <param name="depth">Bits of a sample; a side channel has one more than the stream's.</param>
    public static void Read(FlacBits bits, Span<long> samples, int depth, string name)
    {
        var at = bits.Position;
        var header = (int)bits.Read(8);
        var type = (header >> 1) & 0x3F;
        if ((header & 0x80) != 0) throw Damaged(name, at, "subframe begins with 1");
        var wasted = (header & 1) == 0 ? 0 : bits.ReadUnary(depth) + 1;
        if (wasted >= depth) throw Damaged(name, at, $"subframe wastes {wasted} of {depth} bits");
        depth -= wasted;

        switch (type)
        {
            case 0: samples.Fill(bits.ReadSigned(depth)); break;
            case 1: ReadVerbatim(bits, samples, depth); break;
            case >= 8 and <= 12: ReadFixed(bits, samples, depth, type - 8, name, at); break;
            case >= 32: ReadLinear(bits, samples, depth, type - 31, name, at); break;
            default: throw Damaged(name, at, $"subframe is of the reserved type {type}");
        }
        if (wasted == 0) return;
        foreach (ref var sample in samples) sample <<= wasted;
    }

    static void ReadVerbatim(FlacBits bits, Span<long> samples, int depth)
    {
        foreach (ref var sample in samples) sample = bits.ReadSigned(depth);
    }

    static void ReadFixed(FlacBits bits, Span<long> samples, int depth, int order, string name, long at)
    {
        if (order > samples.Length) throw Damaged(name, at, $"subframe predicts from {order} samples, in a block of {samples.Length}");
        ReadVerbatim(bits, samples[..order], depth);
        ReadResidual(bits, samples, order, name, at);
        var s = samples;
        switch (order)
        {
            case 1: for (var i = 1; i < s.Length; i++) s[i] += s[i - 1]; break;
            case 2: for (var i = 2; i < s.Length; i++) s[i] += (2 * s[i - 1]) - s[i - 2]; break;
            case 3: for (var i = 3; i < s.Length; i++) s[i] += (3 * s[i - 1]) - (3 * s[i - 2]) + s[i - 3]; break;
            case 4: for (var i = 4; i < s.Length; i++) s[i] += (4 * s[i - 1]) - (6 * s[i - 2]) + (4 * s[i - 3]) - s[i - 4]; break;
            default: break;
        }
    }

    static void ReadLinear(FlacBits bits, Span<long> samples, int depth, int order, string name, long at)
    {
        if (order > samples.Length) throw Damaged(name, at, $"subframe predicts from {order} samples, in a block of {samples.Length}");
        ReadVerbatim(bits, samples[..order], depth);
        var precision = (int)bits.Read(4) + 1;
        if (precision == 16) throw Damaged(name, at, "subframe has the forbidden coefficient precision 16");
        var shift = (int)bits.ReadSigned(5);
        if (shift < 0) throw Damaged(name, at, $"subframe shifts its prediction by {shift}");
        // Turned around, so that both run forward: the last coefficient weighs the oldest sample.
        Span<long> coefficients = stackalloc long[MaxOrder];
        coefficients = coefficients[..order];
        for (var i = order - 1; i >= 0; i--) coefficients[i] = bits.ReadSigned(precision);
        ReadResidual(bits, samples, order, name, at);
        for (var i = order; i < samples.Length; i++)
        {
            var past = samples.Slice(i - order, coefficients.Length);
            long sum = 0;
            for (var j = 0; j < past.Length; j++) sum += coefficients[j] * past[j];
            samples[i] += sum >> shift;
        }
    }

    /// <summary>
    /// Reads the residuals after the first <paramref name="order"/> samples, in partitions of their own Rice parameters (section 9.2.7).
    /// </summary>
    static void ReadResidual(FlacBits bits, Span<long> samples, int order, string name, long at)
    {
        // A residual fits in 32 bits, so no quotient is longer.
        const uint MaxFolded = uint.MaxValue;
        var method = (int)bits.Read(2);
        if (method > 1) throw Damaged(name, at, $"subframe has the reserved residual method {method}");
        var parameterBits = method == 0 ? 4 : 5;
        var escape = (1 << parameterBits) - 1;
        var partitions = 1 << (int)bits.Read(4);
        var size = samples.Length / partitions;
        if (size * partitions != samples.Length || size < order)
            throw Damaged(name, at, $"subframe cuts {samples.Length} residuals after {order} samples into {partitions} partitions");

        for (var partition = 0; partition < partitions; partition++)
        {
            var from = partition == 0 ? order : partition * size;
            var residuals = samples[from..((partition + 1) * size)];
            var parameter = (int)bits.Read(parameterBits);
            if (parameter != escape)
            {
                bits.ReadRice(residuals, parameter, (int)Math.Min(int.MaxValue, MaxFolded >> parameter));
                continue;
            }
            var width = (int)bits.Read(5);
            ReadVerbatim(bits, residuals, width);
        }
    }

    static AudioFormatException Damaged(string name, long at, string what) =>
        new($"'{name}': the FLAC {what} (byte {at}). The file is damaged: copy or download it again.");
}
