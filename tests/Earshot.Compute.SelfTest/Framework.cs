using System.Collections;
using System.Diagnostics.CodeAnalysis;

// The few parts of the test framework that the checks of Earshot.Compute.Tests use, by the same names.
namespace Xunit;

[AttributeUsage(AttributeTargets.Method)]
internal class FactAttribute : Attribute;

[AttributeUsage(AttributeTargets.Method)]
internal sealed class TheoryAttribute : FactAttribute;

[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class InlineDataAttribute(params object?[] values) : Attribute
{
    public object?[] Values => values;
}

[AttributeUsage(AttributeTargets.Method)]
internal sealed class MemberDataAttribute(string name) : Attribute
{
    public string Name => name;

    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)]
    public Type? MemberType { get; set; }
}

/// <summary>Rows of a theory's arguments.</summary>
public abstract class TheoryRows : IEnumerable
{
    public List<object?[]> Rows { get; } = [];

    public IEnumerator GetEnumerator() => Rows.GetEnumerator();
}

public sealed class TheoryData<T> : TheoryRows
{
    public void Add(T value) => Rows.Add([value]);
}

public sealed class TheoryData<T1, T2> : TheoryRows
{
    public void Add(T1 first, T2 second) => Rows.Add([first, second]);
}

/// <summary>A check that does not apply here.</summary>
internal sealed class SkippedException(string reason) : Exception(reason);

/// <summary>A check that does not hold.</summary>
internal sealed class FailedException(string reason) : Exception(reason);

/// <summary>Where a check says what it measured.</summary>
internal sealed class TestContext
{
    public static TestContext Current { get; } = new();

    public TestContext? TestOutputHelper => this;

#pragma warning disable CA1822 // called on what a test context has
    public void WriteLine(string line) => Console.WriteLine($"  {line}");
#pragma warning restore CA1822
}
