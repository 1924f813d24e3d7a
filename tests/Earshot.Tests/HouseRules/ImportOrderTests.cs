namespace Earshot.Tests.HouseRules;

/// <summary>
/// What a file uses is named in one order, as editors sort it: System's namespaces, others, static members, other names for types; each by
/// the alphabet.
/// </summary>
public class ImportOrderTests
{
    [Fact]
    public void Imports_are_in_order()
    {
        var found = SourceFiles.All()
            .Select(file => (File: file, Line: FirstOutOfOrder(SourceFiles.Lines(file))))
            .Where(file => file.Line is not null)
            .Select(file => $"{file.File}: '{file.Line}' belongs further up");
        Assert.Empty(found);
    }

    [Theory]
    [InlineData(null, "using System;", "using System.Text;", "using Earshot.Audio;", "using Xunit;", "namespace A;", "using B;")]
    [InlineData(null, "// Why.", "", "using A;", "using static System.Math;", "using B = System.Int32;")]
    [InlineData(null, "using Earshot;", "using Earshot.Compute;", "using EarshotLike;")]
    [InlineData("using System;", "using Earshot;", "using System;")]
    [InlineData("using Earshot.Audio;", "using Earshot.Compute;", "using Earshot.Audio;")]
    [InlineData("using A;", "using B = System.Int32;", "using A;")]
    public void What_is_out_of_order_is_found(string? expected, params string[] lines) => Assert.Equal(expected, FirstOutOfOrder(lines));

    static string? FirstOutOfOrder(IEnumerable<string> lines)
    {
        (int Kind, string[] Names)? before = null;
        foreach (var line in lines)
        {
            if (line.StartsWith("namespace ", StringComparison.Ordinal)) return null;
            if (!line.StartsWith("using ", StringComparison.Ordinal) || !line.EndsWith(';')) continue;
            var key = KeyOf(line[6..^1]);
            if (before is { } former && Compare(former, key) > 0) return line;
            before = key;
        }
        return null;
    }

    static (int Kind, string[] Names) KeyOf(string import)
    {
        int kind = import.Contains('=') ? 3 : import.StartsWith("static ", StringComparison.Ordinal) ? 2 : 1;
        string[] names = (kind == 2 ? import[7..] : kind == 3 ? import[..import.IndexOf('=')].Trim() : import).Split('.');
        return (kind == 1 && names[0] == "System" ? 0 : kind, names);
    }

    static int Compare((int Kind, string[] Names) left, (int Kind, string[] Names) right)
    {
        if (left.Kind != right.Kind) return left.Kind.CompareTo(right.Kind);
        for (int i = 0; i < Math.Min(left.Names.Length, right.Names.Length); i++)
        {
            int order = StringComparer.OrdinalIgnoreCase.Compare(left.Names[i], right.Names[i]);
            if (order != 0) return order;
        }
        return left.Names.Length.CompareTo(right.Names.Length);
    }
}
