using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Xunit;

/// <summary>What the checks state; each says what was found where it does not hold.</summary>
internal static class Assert
{
    public static void True([DoesNotReturnIf(false)] bool condition, string? message = null)
    {
        if (!condition) Fail(message ?? "expected true");
    }

    public static void False([DoesNotReturnIf(true)] bool condition, string? message = null) =>
        True(!condition, message ?? "expected false");

    [DoesNotReturn]
    public static void Fail(string message) => throw new FailedException(message);

    public static void SkipUnless(bool condition, string reason)
    {
        if (!condition) throw new SkippedException(reason);
    }

    public static void SkipWhen(bool condition, string reason) => SkipUnless(!condition, reason);

    public static void Equal(double expected, double actual, double tolerance)
    {
        bool equal = expected.Equals(actual) || Math.Abs(expected - actual) <= tolerance;
        if (!equal) Fail($"{actual} is not {expected} ± {tolerance}");
    }

    public static void Equal<T>(T expected, T actual)
    {
        if (!Alike(expected, actual)) Fail($"{Text(actual)} is not {Text(expected)}");
    }

    public static void Equal<T>(IEnumerable<T> expected, IEnumerable<T> actual)
    {
        if (!Alike(expected, actual)) Fail($"{Text(actual)} is not {Text(expected)}");
    }

    public static void NotEqual<T>(T expected, T actual) => True(!Alike(expected, actual), $"expected other than {Text(actual)}");

    public static void InRange<T>(T actual, T low, T high) where T : IComparable<T> =>
        True(actual.CompareTo(low) >= 0 && actual.CompareTo(high) <= 0, $"{actual} is not in {low} … {high}");

    public static void NotNull([NotNull] object? value) => True(value is not null, "expected other than null");

    public static void Null(object? value) => True(value is null, "expected null");

    public static void Same(object? expected, object? actual) => True(ReferenceEquals(expected, actual), "expected the same object");

    public static T Single<T>(IEnumerable<T> values) => values.Single();

    public static void Contains(string part, string? whole, StringComparison comparison = StringComparison.Ordinal) =>
        True(whole?.Contains(part, comparison) == true, $"'{whole}' does not contain '{part}'");

    public static void Contains<T>(IEnumerable<T> values, Predicate<T> wanted) =>
        True(values.Any(value => wanted(value)), $"none is as expected: {Text(values)}");

    public static void DoesNotContain<T>(T unwanted, IEnumerable<T> values) => True(!values.Contains(unwanted), $"{unwanted} is there");

    public static void DoesNotContain<T>(IEnumerable<T> values, Predicate<T> unwanted) =>
        True(!values.Any(value => unwanted(value)), $"one is not as expected: {Text(values)}");

    public static void All<T>(IEnumerable<T> values, Action<T> check)
    {
        foreach (var value in values) check(value);
    }

    public static T Throws<T>(Action action) where T : Exception
    {
        try
        {
            action();
        }
        catch (T thrown) when (thrown.GetType() == typeof(T))
        {
            return thrown;
        }
        throw new FailedException($"expected {typeof(T).Name}");
    }

    public static T Throws<T>(Func<object?> function) where T : Exception => Throws<T>(() => { _ = function(); });

    public static T Throws<T>(string parameter, Action action) where T : ArgumentException
    {
        var thrown = Throws<T>(action);
        Equal(parameter, thrown.ParamName);
        return thrown;
    }

    // Arrays of arrays too.
    static bool Alike(object? expected, object? actual)
    {
        if (expected is string || expected is not IEnumerable first || actual is not IEnumerable second) return Equals(expected, actual);
        var (left, right) = (first.Cast<object?>().ToArray(), second.Cast<object?>().ToArray());
        return left.Length == right.Length && left.Zip(right).All(pair => Alike(pair.First, pair.Second));
    }

    static string Text(object? value) =>
        value is IEnumerable values and not string ? string.Join(", ", values.Cast<object?>().Take(10)) : $"{value}";
}
