using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Earshot.Compute.Cpu;

namespace Earshot.Compute.SelfTest;

/// <summary>Runs checks and counts what came of them.</summary>
/// <param name="only">The instruction set to check; null for all that the processor has.</param>
/// <param name="filter">A part of the names of the checks to run; null for all.</param>
/// <param name="without">Parts of the names of checks to leave out.</param>
internal sealed class Suite(InstructionSet? only, string? filter, params IReadOnlyList<string> without)
{
    const DynamicallyAccessedMemberTypes Members = DynamicallyAccessedMemberTypes.PublicMethods
        | DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor;

    public int Passed { get; private set; }

    public int Failed { get; private set; }

    public int Skipped { get; private set; }

    /// <summary>Runs a class of checks and prints a line about each of its methods.</summary>
    public void Run<[DynamicallyAccessedMembers(Members)] T>() where T : new()
    {
        foreach (var method in typeof(T).GetMethods().Where(method => method.GetCustomAttribute<FactAttribute>() is not null))
        {
            var name = $"{typeof(T).Name}.{method.Name}";
            if ((filter is not null && !Has(name, filter)) || without.Any(part => Has(name, part))) continue;
            var cases = Cases(method, typeof(T)).Where(Wanted).ToArray();
            if (cases.Length == 0) continue;
            long start = Stopwatch.GetTimestamp();
            int failed = 0;
            foreach (var arguments in cases) if (!Try(new T(), method, arguments)) failed++;
            Failed += failed;
            var outcome = failed > 0 ? "FAILED" : "ok";
            Console.WriteLine($"{outcome}: {name} ({cases.Length}, {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s)");
        }
    }

    static bool Has(string name, string part) => name.Contains(part, StringComparison.OrdinalIgnoreCase);

    static IEnumerable<object?[]> Cases(
        MethodInfo method, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] Type type)
    {
        foreach (var inline in method.GetCustomAttributes<InlineDataAttribute>()) yield return inline.Values;
        if (method.GetCustomAttribute<MemberDataAttribute>() is { } member)
        {
            var property = (member.MemberType ?? type).GetProperty(member.Name)
                ?? throw new InvalidOperationException($"{method.Name} names {member.Name}, which is no public property.");
            foreach (var row in ((TheoryRows)property.GetValue(null)!).Rows) yield return row;
        }
        if (method.GetParameters().Length == 0) yield return [];
    }

    // Where one set is asked for, only what is said to be about it.
    bool Wanted(object?[] arguments) => only is null || arguments.Any(argument => argument is InstructionSet set && set == only);

    bool Try(object checks, MethodInfo method, object?[] arguments)
    {
        try
        {
            method.Invoke(checks, arguments);
            Passed++;
            return true;
        }
        catch (TargetInvocationException thrown) when (thrown.InnerException is SkippedException)
        {
            Skipped++;
            return true;
        }
        catch (TargetInvocationException thrown)
        {
            Console.WriteLine($"  {method.Name}({string.Join(", ", arguments)}): {thrown.InnerException}");
            return false;
        }
    }
}
