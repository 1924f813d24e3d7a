using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;

namespace Earshot.Decoding.Grammars;

/// <summary>
/// Numbers between bounds and multiples of a number, digit by digit: how the digits so far compare with each bound's, and what is left
/// over of them. Bounded numbers have no exponent; bounds are taken as they are written, without rounding.
/// </summary>
sealed partial class NumberRange
{
    const int MaxDigits = 40, MaxModulus = 100_000;

    readonly List<Bound> _bounds = [];
    readonly bool _isInteger;
    readonly bool _isMultiple;
    readonly int _modulus = 1, _decimals;

    /// <param name="bounds">At most two, as they are written; whether a number must be above, and whether it may be equal.</param>
    /// <exception cref="GrammarException">A number is out of what can be compiled.</exception>
    public NumberRange(bool isInteger, IEnumerable<(string Number, bool IsLower, bool IsInclusive)> bounds, string? multipleOf)
    {
        _isInteger = isInteger;
        foreach (var (number, isLower, isInclusive) in bounds)
        {
            var (isNegative, whole, fraction) = Digits(number);
            _bounds.Add(new(isNegative, whole, fraction, isLower, isInclusive));
        }
        if (multipleOf is null) return;
        _isMultiple = true;
        var (negative, units, tail) = Digits(multipleOf);
        _decimals = tail.Length;
        var modulus = BigInteger.Parse(units + tail, CultureInfo.InvariantCulture);
        if (negative || modulus.IsZero) throw new GrammarException($"the number {multipleOf} must be above 0.");
        if (modulus > MaxModulus)
            throw new GrammarException($"the number {multipleOf} has too many digits: {MaxModulus} is the most without its point.");
        _modulus = (int)modulus;
    }

    enum Phase : byte { Start, Sign, Zero, Whole, Point, Fraction }

    public Dfa Compile(GrammarBudget budget)
    {
        byte[] bytes = [.. "-.0123456789"u8];
        return DfaBuilder.Explore(
            new State(Phase.Start, false, 0, 0, 0, 0), [.. bytes.Select(b => (b, b))], TryStep, Accepts, budget);
    }

    bool TryStep(State state, byte b, out State next)
    {
        next = state;
        if (b == '-')
        {
            next = state with { Phase = Phase.Sign, IsNegative = true };
            return state.Phase == Phase.Start;
        }
        if (b == '.')
        {
            next = Settle(state) with { Phase = Phase.Point, Digits = 0 };
            return !_isInteger && (state.Phase is Phase.Zero or Phase.Whole);
        }
        if (state.Phase == Phase.Zero) return false;
        bool isFraction = state.Phase is Phase.Point or Phase.Fraction;
        var phase = isFraction ? Phase.Fraction : state.Phase is (Phase.Start or Phase.Sign) && b == '0' ? Phase.Zero : Phase.Whole;
        if (isFraction && _isMultiple && state.Digits >= _decimals) return false;
        int digit = b - '0', at = state.Digits;
        int limit = (isFraction ? _bounds.Select(bound => bound.Fraction.Length) : _bounds.Select(bound => bound.Whole.Length))
            .Append(isFraction ? _decimals : 0).DefaultIfEmpty().Max() + 1;
        next = state with
        {
            Phase = phase,
            Digits = (byte)Math.Min(at + 1, limit),
            Rest = (state.Rest * 10 + digit) % _modulus,
            First = Compare(0, state.First, at, digit, isFraction),
            Second = Compare(1, state.Second, at, digit, isFraction),
        };
        return true;
    }

    /// <summary>How the digits compare with a bound's after one more: the first that differs decides, if there are as many.</summary>
    sbyte Compare(int bound, sbyte before, int at, int digit, bool isFraction)
    {
        if (before != 0 || bound >= _bounds.Count) return before;
        string digits = isFraction ? _bounds[bound].Fraction : _bounds[bound].Whole;
        return (sbyte)Math.Sign(digit - (at < digits.Length ? digits[at] - '0' : 0));
    }

    /// <summary>The same when the digits before the point are all there, of which more are a larger number.</summary>
    State Settle(State state)
    {
        if (state.Phase is not (Phase.Zero or Phase.Whole)) return state;
        sbyte Of(int bound, sbyte order) =>
            bound >= _bounds.Count ? order
            : state.Phase == Phase.Zero && _bounds[bound].Whole == "0" ? (sbyte)0
            : state.Digits == _bounds[bound].Whole.Length ? order
            : (sbyte)(state.Digits < _bounds[bound].Whole.Length ? -1 : 1);
        return state with { First = Of(0, state.First), Second = Of(1, state.Second) };
    }

    bool Accepts(State state)
    {
        if (state.Phase is not (Phase.Zero or Phase.Whole or Phase.Fraction)) return false;
        bool isWhole = state.Phase != Phase.Fraction;
        state = Settle(state);
        int missing = _decimals - (isWhole ? 0 : state.Digits);
        if (_isMultiple && state.Rest * BigInteger.Pow(10, missing) % _modulus != 0) return false;
        for (int i = 0; i < _bounds.Count; i++)
        {
            int order = i == 0 ? state.First : state.Second;
            // Digits of the bound that are not written are zeros of the number.
            if (order == 0 && _bounds[i].Fraction.AsSpan(
                Math.Min(isWhole ? 0 : state.Digits, _bounds[i].Fraction.Length)).ContainsAnyExcept('0'))
                order = -1;
            if (!_bounds[i].Allows(order, state.IsNegative)) return false;
        }
        return true;
    }

    /// <summary>A number as it is written, without exponent: digits before the point and behind it.</summary>
    static (bool IsNegative, string Whole, string Fraction) Digits(string number)
    {
        var parts = Written().Match(number);
        if (!parts.Success) throw new GrammarException($"'{number}' is no number.");
        string whole = parts.Groups[2].Value, fraction = parts.Groups[3].Value;
        if (!int.TryParse(parts.Groups[4].ValueSpan is { IsEmpty: false } power ? power : "0", out int exponent)
            || Math.Abs(exponent) > MaxDigits || whole.Length + fraction.Length > MaxDigits)
            throw new GrammarException($"the number {number} has too many digits: {MaxDigits} are the most.");
        if (exponent > 0)
        {
            fraction = fraction.PadRight(exponent, '0');
            (whole, fraction) = (whole + fraction[..exponent], fraction[exponent..]);
        }
        if (exponent < 0)
        {
            whole = whole.PadLeft(1 - exponent, '0');
            (whole, fraction) = (whole[..^-exponent], whole[^-exponent..] + fraction);
        }
        whole = whole.TrimStart('0');
        fraction = fraction.TrimEnd('0');
        return (parts.Groups[1].Length > 0 && (whole + fraction).Length > 0, whole.Length == 0 ? "0" : whole, fraction);
    }

    [GeneratedRegex(@"^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,6}))?$")]
    private static partial Regex Written();

    readonly record struct State(Phase Phase, bool IsNegative, byte Digits, int Rest, sbyte First, sbyte Second);

    readonly record struct Bound(bool IsNegative, string Whole, string Fraction, bool IsLower, bool IsInclusive)
    {
        /// <summary>Whether a number is allowed whose magnitude compares so with the bound's.</summary>
        public bool Allows(int order, bool isNegative)
        {
            bool isZero = Whole == "0" && Fraction.Length == 0;
            // -0 is 0.
            int sign = isZero ? (isNegative ? -order : order)
                : isNegative != IsNegative ? (isNegative ? -1 : 1)
                : isNegative ? -order : order;
            return sign == 0 ? IsInclusive : sign > 0 == IsLower;
        }
    }
}
