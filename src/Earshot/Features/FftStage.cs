using System.Numerics;

namespace Earshot.Features;

/// <summary>
/// One pass of a complex Fourier transform in Stockham's order, one transform a vector lane: y(q + s(rp + k)) =
/// e^(-2πipk/n) Σ x(q + s(p + mj)) e^(-2πijk/r), j and k below the radix r, p below m = n / r, q below the stride s.
/// </summary>
internal sealed class FftStage
{
    readonly int _radix;
    readonly int _count;
    readonly int _stride;
    readonly float[] _cos;
    readonly float[] _sin;

    public FftStage(int radix, int size, int stride)
    {
        (_radix, _count, _stride) = (radix, size / radix, stride);
        _cos = new float[size];
        _sin = new float[size];
        for (var i = 0; i < size; i++)
        {
            var angle = 2 * Math.PI * (i / radix) * (i % radix) / size;
            _cos[i] = (float)Math.Cos(angle);
            _sin[i] = (float)-Math.Sin(angle);
        }
    }

    public void Run(Vector<float>[] re, Vector<float>[] im, Vector<float>[] toRe, Vector<float>[] toIm)
    {
        if (_radix == 5) RunFive(re, im, toRe, toIm);
        else if (_radix == 4) RunFour(re, im, toRe, toIm);
        else RunTwo(re, im, toRe, toIm);
    }

    void RunTwo(Vector<float>[] re, Vector<float>[] im, Vector<float>[] toRe, Vector<float>[] toIm)
    {
        var far = _stride * _count;
        for (var p = 0; p < _count; p++)
        {
            var (c, s) = (_cos[(2 * p) + 1], _sin[(2 * p) + 1]);
            for (var q = 0; q < _stride; q++)
            {
                var a = q + (_stride * p);
                var b = a + far;
                var y = q + (_stride * 2 * p);
                toRe[y] = re[a] + re[b];
                toIm[y] = im[a] + im[b];
                var (dRe, dIm) = (re[a] - re[b], im[a] - im[b]);
                toRe[y + _stride] = (dRe * c) - (dIm * s);
                toIm[y + _stride] = (dRe * s) + (dIm * c);
            }
        }
    }

    void RunFour(Vector<float>[] re, Vector<float>[] im, Vector<float>[] toRe, Vector<float>[] toIm)
    {
        var far = _stride * _count;
        for (var p = 0; p < _count; p++)
        {
            var cos = _cos.AsSpan(4 * p, 4);
            var sin = _sin.AsSpan(4 * p, 4);
            for (var q = 0; q < _stride; q++)
            {
                var x = q + (_stride * p);
                var y = q + (_stride * 4 * p);
                var (sumRe02, sumIm02) = (re[x] + re[x + (2 * far)], im[x] + im[x + (2 * far)]);
                var (difRe02, difIm02) = (re[x] - re[x + (2 * far)], im[x] - im[x + (2 * far)]);
                var (sumRe13, sumIm13) = (re[x + far] + re[x + (3 * far)], im[x + far] + im[x + (3 * far)]);
                var (difRe13, difIm13) = (re[x + far] - re[x + (3 * far)], im[x + far] - im[x + (3 * far)]);
                toRe[y] = sumRe02 + sumRe13;
                toIm[y] = sumIm02 + sumIm13;
                Turn(toRe, toIm, y + _stride, difRe02 + difIm13, difIm02 - difRe13, cos[1], sin[1]);
                Turn(toRe, toIm, y + (2 * _stride), sumRe02 - sumRe13, sumIm02 - sumIm13, cos[2], sin[2]);
                Turn(toRe, toIm, y + (3 * _stride), difRe02 - difIm13, difIm02 + difRe13, cos[3], sin[3]);
            }
        }
    }

    void RunFive(Vector<float>[] re, Vector<float>[] im, Vector<float>[] toRe, Vector<float>[] toIm)
    {
        const float Cos1 = 0.30901699437494742f, Cos2 = -0.80901699437494742f;
        const float Sin1 = 0.95105651629515357f, Sin2 = 0.58778525229247313f;
        var far = _stride * _count;
        for (var p = 0; p < _count; p++)
        {
            var cos = _cos.AsSpan(5 * p, 5);
            var sin = _sin.AsSpan(5 * p, 5);
            for (var q = 0; q < _stride; q++)
            {
                var x = q + (_stride * p);
                var y = q + (_stride * 5 * p);
                var (re0, im0) = (re[x], im[x]);
                var (sumRe14, sumIm14) = (re[x + far] + re[x + (4 * far)], im[x + far] + im[x + (4 * far)]);
                var (difRe14, difIm14) = (re[x + far] - re[x + (4 * far)], im[x + far] - im[x + (4 * far)]);
                var (sumRe23, sumIm23) = (re[x + (2 * far)] + re[x + (3 * far)], im[x + (2 * far)] + im[x + (3 * far)]);
                var (difRe23, difIm23) = (re[x + (2 * far)] - re[x + (3 * far)], im[x + (2 * far)] - im[x + (3 * far)]);
                toRe[y] = re0 + sumRe14 + sumRe23;
                toIm[y] = im0 + sumIm14 + sumIm23;

                var (midRe1, midIm1) = (re0 + (sumRe14 * Cos1) + (sumRe23 * Cos2), im0 + (sumIm14 * Cos1) + (sumIm23 * Cos2));
                var (midRe2, midIm2) = (re0 + (sumRe14 * Cos2) + (sumRe23 * Cos1), im0 + (sumIm14 * Cos2) + (sumIm23 * Cos1));
                var (sideRe1, sideIm1) = ((difIm14 * Sin1) + (difIm23 * Sin2), (difRe14 * Sin1) + (difRe23 * Sin2));
                var (sideRe2, sideIm2) = ((difIm14 * Sin2) - (difIm23 * Sin1), (difRe14 * Sin2) - (difRe23 * Sin1));
                Turn(toRe, toIm, y + _stride, midRe1 + sideRe1, midIm1 - sideIm1, cos[1], sin[1]);
                Turn(toRe, toIm, y + (2 * _stride), midRe2 + sideRe2, midIm2 - sideIm2, cos[2], sin[2]);
                Turn(toRe, toIm, y + (3 * _stride), midRe2 - sideRe2, midIm2 + sideIm2, cos[3], sin[3]);
                Turn(toRe, toIm, y + (4 * _stride), midRe1 - sideRe1, midIm1 + sideIm1, cos[4], sin[4]);
            }
        }
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.AggressiveInlining)]
    static void Turn(Vector<float>[] toRe, Vector<float>[] toIm, int at, Vector<float> re, Vector<float> im, float cos, float sin)
    {
        toRe[at] = (re * cos) - (im * sin);
        toIm[at] = (re * sin) + (im * cos);
    }
}
