using System.Globalization;
using System.Numerics;

namespace Earshot.Evaluation.Metrics;

/// <summary>
/// Reads words one by one and gathers a number: as an integer while it can be added to and multiplied ("two hundred … six"),
/// as text once it is digits in a row ("nine one one") or has decimals.
/// </summary>
internal sealed class EnglishNumberReader(IReadOnlyList<string> words)
{
    /// <summary>Longer numbers are left as written: Python, whose rules these are, converts no more digits either.</summary>
    const int MostDigits = 4300;

    readonly List<string> _output = new(words.Count);
    string? _prefix;
    BigInteger? _number;
    string? _digits;

    public List<string> Read()
    {
        for (var i = 0; i < words.Count; i++)
        {
            var previous = i > 0 ? words[i - 1] : null;
            var next = i + 1 < words.Count ? words[i + 1] : null;
            if (ReadWord(previous, words[i], next)) i++; // the next word was taken with this one
        }
        EmitPending();
        return _output;
    }

    bool HasValue => _number is not null || _digits is not null;

    string Value => _digits ?? _number?.ToString(CultureInfo.InvariantCulture) ?? "";

    /// <summary>The value before something is appended: a written 0 gives way, as in the reference.</summary>
    string ValueUnlessZero => _number is { IsZero: true } ? "" : Value;

    bool ReadWord(string? previous, string word, string? next)
    {
        var signed = EnglishNumberWords.Prefixes.Contains(word[0], StringComparison.Ordinal);
        if (IsNumeric(signed ? word.AsSpan(1) : word)) ReadNumeral(word, signed);
        else if (!EnglishNumberWords.Contains(word)) EmitWord(word);
        else if (EnglishNumberWords.Zeros.Contains(word)) SetDigits(ValueUnlessZero + "0");
        else if (EnglishNumberWords.Ones.TryGetValue(word, out var ones)) AddOnes(ones, previous);
        else if (EnglishNumberWords.OnesWithEnding.TryGetValue(word, out var endedOnes))
            Ended(() => AddOnes(endedOnes.Value, previous), endedOnes.Ending);
        else if (EnglishNumberWords.Tens.TryGetValue(word, out var tens)) AddTens(tens);
        else if (EnglishNumberWords.TensWithEnding.TryGetValue(word, out var endedTens))
            Ended(() => AddTens(endedTens.Value), endedTens.Ending);
        else if (EnglishNumberWords.Multipliers.TryGetValue(word, out var multiplier)) Multiply(multiplier, zeroStays: false);
        else if (EnglishNumberWords.MultipliersWithEnding.TryGetValue(word, out var ended))
            Ended(() => Multiply(ended.Value, zeroStays: true), ended.Ending);
        else if (EnglishNumberWords.Signs.TryGetValue(word, out var sign)) ReadSign(word, sign, next);
        else if (EnglishNumberWords.Currencies.TryGetValue(word, out var currency)) ReadCurrency(word, currency);
        else if (word is "per" or "percent") return ReadPercent(word, next);
        else return ReadSpecial(previous, word, next);
        return false;
    }

    void ReadNumeral(string word, bool signed)
    {
        if (_digits is not null && _digits.EndsWith('.'))
        {
            _digits += word; // decimals, or the parts of an address
            return;
        }
        EmitPending();
        if (signed) _prefix = word[..1];
        var number = signed ? word[1..] : word;
        if (Scale(number, 1) is { } whole) _number = whole;
        else _digits = number;
    }

    void AddOnes(int ones, string? previous)
    {
        if (!HasValue)
        {
            _number = ones;
        }
        else if (_digits is not null || (previous is not null && EnglishNumberWords.Ones.ContainsKey(previous)))
        {
            var replacesZero = ones < 10 && previous is not null && EnglishNumberWords.Tens.ContainsKey(previous);
            SetDigits((replacesZero ? Value[..^1] : Value) + ones.ToString(CultureInfo.InvariantCulture));
        }
        else
        {
            AddOrAppend(ones, ones < 10 ? 10 : 100);
        }
    }

    void AddTens(int tens)
    {
        if (!HasValue) _number = tens;
        else if (_digits is not null) SetDigits(_digits + tens.ToString(CultureInfo.InvariantCulture));
        else AddOrAppend(tens, 100);
    }

    void AddOrAppend(int value, int room)
    {
        if (_number!.Value % room == 0) _number += value;
        else SetDigits(Value + value.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>"Hundred", "million" and so on; only thousands below the last comma are multiplied.</summary>
    void Multiply(BigInteger multiplier, bool zeroStays)
    {
        if (!HasValue)
        {
            _number = multiplier;
        }
        else if (_digits is not null || (_number!.Value.IsZero && !zeroStays))
        {
            var product = Scale(Value, multiplier);
            if (product is null) EmitPending();
            (_number, _digits) = (product ?? multiplier, null);
        }
        else
        {
            var residual = _number.Value % 1000;
            _number += residual * multiplier - residual;
        }
    }

    /// <summary>A plural or an ordinal ends the number.</summary>
    void Ended(Action add, string ending)
    {
        add();
        Emit(Value + ending);
    }

    void ReadSign(string word, string sign, string? next)
    {
        EmitPending();
        if (EnglishNumberWords.Contains(next) || IsNumeric(next)) _prefix = sign;
        else Emit(word);
    }

    void ReadCurrency(string word, string currency)
    {
        if (HasValue)
        {
            _prefix = currency;
            EmitPending();
        }
        else
        {
            Emit(word);
        }
    }

    bool ReadPercent(string word, string? next)
    {
        if (HasValue && (word == "percent" || next == "cent"))
        {
            Emit(Value + "%");
            return word == "per";
        }
        EmitWord(word);
        return false;
    }

    bool ReadSpecial(string? previous, string word, string? next)
    {
        if (!EnglishNumberWords.Contains(next) && !IsNumeric(next))
        {
            EmitWord(word);
        }
        else if (word == "and")
        {
            if (previous is null || !EnglishNumberWords.Multipliers.ContainsKey(previous)) EmitWord(word);
        }
        else if (word == "point")
        {
            if (EnglishNumberWords.IsDecimal(next) || IsNumeric(next)) SetDigits(ValueUnlessZero + ".");
        }
        else if (EnglishNumberWords.Ones.TryGetValue(next!, out var ones) || EnglishNumberWords.Zeros.Contains(next!))
        {
            var digit = ones.ToString(CultureInfo.InvariantCulture);
            SetDigits(ValueUnlessZero + digit + digit + (word == "triple" ? digit : ""));
            return true;
        }
        else
        {
            EmitWord(word);
        }
        return false;
    }

    void SetDigits(string digits) => (_number, _digits) = (null, digits);

    void EmitWord(string word)
    {
        EmitPending();
        Emit(word);
    }

    void EmitPending()
    {
        if (HasValue) Emit(Value);
    }

    void Emit(string text)
    {
        _output.Add(_prefix + text);
        (_prefix, _number, _digits) = (null, null, null);
    }

    /// <summary>Digits, perhaps with a decimal point between some.</summary>
    static bool IsNumeric(ReadOnlySpan<char> word)
    {
        var point = word.IndexOf('.');
        var whole = point < 0 ? word : word[..point];
        return AllDigits(whole) && (point < 0 || AllDigits(word[(point + 1)..]));

        static bool AllDigits(ReadOnlySpan<char> text)
        {
            foreach (var c in text)
            {
                if (!char.IsDigit(c)) return false;
            }
            return !text.IsEmpty;
        }
    }

    /// <summary>A decimal number times a factor when that is a whole number; null when it is not, or the text is no number.</summary>
    static BigInteger? Scale(string number, BigInteger factor)
    {
        var point = number.IndexOf('.', StringComparison.Ordinal);
        var digits = point < 0 ? number : number.Remove(point, 1);
        if (digits.Length is 0 or > MostDigits || !digits.All(char.IsDigit)) return null;
        var latin = string.Create(digits.Length, digits, (span, source) =>
        {
            for (var i = 0; i < span.Length; i++) span[i] = (char)('0' + CharUnicodeInfo.GetDecimalDigitValue(source[i]));
        });
        var product = BigInteger.Parse(latin, CultureInfo.InvariantCulture) * factor;
        var whole = BigInteger.DivRem(product, BigInteger.Pow(10, point < 0 ? 0 : number.Length - 1 - point), out var rest);
        return rest.IsZero ? whole : null;
    }
}
