using System.Numerics;
using System.Runtime.InteropServices;

namespace Earshot.Audio;

/// <summary>
/// Changes the sample rate of one channel, streaming: <see cref="Write"/>, <see cref="Complete"/> at the end, <see cref="Read"/>.
/// A windowed sinc (Kaiser, 96 dB) with a pass-band to 0.9375 and a stop-band from 1.0625 of the lower Nyquist frequency;
/// delay is compensated, so output 0 stands at the time of input 0, and n inputs give round(n · to / from) outputs.
/// The outputs do not depend on how the input was cut. Not safe for use by several threads at once.
/// </summary>
public sealed class Resampler
{
    readonly int _up;
    readonly int _down;
    readonly ResamplerFilter? _filter;

    // Input samples from _first on; the silence before the recording stands at negative positions.
    float[] _buffer;
    int _length;
    long _first;

    long _written;
    long _produced;
    bool _completed;

    /// <param name="fromRate">The input's rate, 1,000 to 768,000 Hz.</param>
    /// <param name="toRate">The output's rate, 1,000 to 768,000 Hz.</param>
    public Resampler(int fromRate, int toRate = SampleStream.SampleRate)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(fromRate, AudioLimits.MinSampleRate);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(fromRate, AudioLimits.MaxSampleRate);
        ArgumentOutOfRangeException.ThrowIfLessThan(toRate, AudioLimits.MinSampleRate);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(toRate, AudioLimits.MaxSampleRate);
        var divisor = (int)BigInteger.GreatestCommonDivisor(fromRate, toRate);
        (_up, _down) = (toRate / divisor, fromRate / divisor);
        if (_up != _down) _filter = new ResamplerFilter(_up, Math.Min(1.0, (double)toRate / fromRate));
        _length = _filter is null ? 0 : _filter.Half - 1;
        _first = -_length;
        _buffer = new float[_length + 4096];
    }

    /// <summary>Resamples a whole recording at once.</summary>
    public static float[] Resample(ReadOnlySpan<float> input, int fromRate, int toRate = SampleStream.SampleRate)
    {
        var resampler = new Resampler(fromRate, toRate);
        resampler.Write(input);
        resampler.Complete();
        var output = new float[resampler.OutputLength(input.Length)];
        resampler.Read(output);
        return output;
    }

    /// <summary>The number of outputs that <paramref name="inputLength"/> inputs give.</summary>
    public long OutputLength(long inputLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(inputLength);
        var rounded = ((2 * (Int128)inputLength * _up) + _down) / (2 * (Int128)_down);
        return rounded > long.MaxValue ? long.MaxValue : (long)rounded;
    }

    /// <summary>Appends input, which is copied.</summary>
    public void Write(ReadOnlySpan<float> input)
    {
        if (_completed) throw new InvalidOperationException("The input was completed; expected no more samples.");
        Append(input);
        _written += input.Length;
    }

    /// <summary>Says that no more input comes, so that the last outputs can be made (with silence behind them).</summary>
    public void Complete()
    {
        if (_completed) return;
        _completed = true;
        if (_filter is null) return;
        Reserve(_filter.Length);
        _buffer.AsSpan(_length, _filter.Length).Clear();
        _length += _filter.Length;
    }

    /// <summary>Makes as many outputs as fit and as the input allows, and returns their number.</summary>
    public int Read(Span<float> output)
    {
        if (_filter is null) return Copy(output);
        var last = _completed ? OutputLength(_written) : long.MaxValue;
        var made = 0;
        for (; made < output.Length && _produced < last; made++)
        {
            // Where the output stands among the inputs: a whole position and so many parts of _up beyond it.
            var (whole, part) = Math.DivRem(_produced * _down, _up);
            var start = (int)(whole + 1 - _filter.Half - _first);
            if (start + (long)_filter.Length > _length) break;
            output[made] = Weigh(_buffer.AsSpan(start, _filter.Length), (int)part);
            _produced++;
        }
        return made;
    }

    float Weigh(ReadOnlySpan<float> input, int part)
    {
        if (!_filter!.Interpolates) return Dot(input, _filter.Taps(part));
        var (phase, rest) = Math.DivRem((long)part * _filter.Phases, _up);
        var share = (float)rest / _up;
        return (Dot(input, _filter.Taps((int)phase)) * (1 - share)) + (Dot(input, _filter.Taps((int)phase + 1)) * share);
    }

    /// <summary>Four sums side by side; lengths are whole multiples of four vectors.</summary>
    static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var x = MemoryMarshal.Cast<float, Vector<float>>(a);
        var y = MemoryMarshal.Cast<float, Vector<float>>(b);
        Vector<float> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        for (var i = 0; i + 3 < x.Length && i + 3 < y.Length; i += 4)
        {
            sum0 += x[i] * y[i];
            sum1 += x[i + 1] * y[i + 1];
            sum2 += x[i + 2] * y[i + 2];
            sum3 += x[i + 3] * y[i + 3];
        }
        return Vector.Sum(sum0 + sum1 + (sum2 + sum3));
    }

    int Copy(Span<float> output)
    {
        var count = (int)Math.Min(output.Length, _first + _length - _produced);
        _buffer.AsSpan((int)(_produced - _first), count).CopyTo(output);
        _produced += count;
        return count;
    }

    void Append(ReadOnlySpan<float> input)
    {
        Reserve(input.Length);
        input.CopyTo(_buffer.AsSpan(_length));
        _length += input.Length;
    }

    /// <summary>Forgets input that no output needs any more, then grows where that was not enough.</summary>
    void Reserve(int count)
    {
        if (_length + (long)count <= _buffer.Length) return;
        var needed = (_produced * _down / _up) + 1 - (_filter?.Half ?? 1);
        var gone = (int)Math.Clamp(needed - _first, 0, _length);
        _buffer.AsSpan(gone, _length - gone).CopyTo(_buffer);
        _length -= gone;
        _first += gone;
        if (_length + (long)count > _buffer.Length) Array.Resize(ref _buffer, checked(Math.Max(_length + count, 2 * _buffer.Length)));
    }
}
