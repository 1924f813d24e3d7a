using System.Text.Json;
using Earshot.Chat;

namespace Earshot.Decoding.Grammars;

/// <summary>
/// What a model may write: JSON of a schema, any JSON, an expression, or one of some texts. Compiled once, used by any number of texts at
/// once; immutable.
/// </summary>
public sealed class Grammar
{
    Grammar(GrammarNode start)
    {
        if (start.Bytes >= GrammarNode.Infinite) throw new GrammarException("Nothing satisfies the grammar: it never comes to an end.");
        Start = start;
    }

    /// <summary>Any JSON object, nested at most 60 deep.</summary>
    public static Grammar JsonObject { get; } = Make(builder => new JsonValues(builder).Object(builder.Return, 0));

    /// <summary>Any JSON value, nested at most 60 deep.</summary>
    public static Grammar JsonValue { get; } = Make(builder => new JsonValues(builder).Value(builder.Return, 0));

    /// <summary>The fewest bytes of a whole text.</summary>
    public int MinimumBytes => Start.Bytes;

    internal GrammarNode Start { get; }

    /// <summary>
    /// The JSON values of a schema (draft 2020-12's keywords as far as docs/language-models.md lists them), without white space, keys in
    /// the schema's order.
    /// </summary>
    /// <param name="strict">Whether the schema must be within OpenAI's strict subset: an object, all keys required and no others, within
    /// its
    /// limits. Otherwise keys may be optional, and keywords that only describe are passed over.</param>
    /// <exception cref="GrammarException">The schema is none, or cannot be compiled; path and keyword say where.</exception>
    public static Grammar FromJsonSchema(string schema, bool strict = false)
    {
        ArgumentNullException.ThrowIfNull(schema);
        try
        {
            using var document = JsonDocument.Parse(schema, new JsonDocumentOptions { MaxDepth = 256 });
            return FromJsonSchema(document.RootElement, strict);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The second is thrown for half a surrogate pair.
            throw new GrammarException($"The schema is no valid JSON: {e.Message}", e);
        }
    }

    /// <inheritdoc cref="FromJsonSchema(string, bool)"/>
    public static Grammar FromJsonSchema(JsonElement schema, bool strict = false)
    {
        try
        {
            if (strict) StrictSubset.Check(schema);
            return Make(builder => new SchemaCompiler(builder, schema).Compile());
        }
        catch (InvalidOperationException e)
        {
            throw new GrammarException($"The schema holds a text that is no Unicode: {e.Message}", e);
        }
    }

    /// <summary>
    /// Texts that are wholly an expression of ECMA-262's regular part: characters, classes, groups, alternatives, counts.
    /// </summary>
    /// <exception cref="GrammarException">The expression is not well formed, not regular, or too large.</exception>
    public static Grammar FromRegex(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return Make(builder => builder.Match(JsonTexts.Regex(pattern, builder.Budget), builder.Return, 0));
    }

    /// <summary>One of some texts.</summary>
    /// <exception cref="GrammarException">There is none, or too much of them.</exception>
    public static Grammar FromChoices(IEnumerable<string> choices)
    {
        ArgumentNullException.ThrowIfNull(choices);
        string[] all = [.. choices];
        if (all.Length == 0) throw new GrammarException("There is no text to choose: give at least one.");
        return Make(builder => builder.Match(JsonTexts.Words(all, builder.Budget), builder.Return, 0));
    }

    /// <summary>
    /// One call of a tool, with its arguments by its schema, in the form that models write them:
    /// <c>{"name": "…", "arguments": {…}}</c>.
    /// </summary>
    /// <param name="argumentsKey"><c>arguments</c> or <c>parameters</c>.</param>
    /// <param name="around">What stands before the call and behind it.</param>
    /// <param name="otherwise">What may be written in place of a call; null for nothing.</param>
    /// <exception cref="GrammarException">A tool's schema cannot be compiled; the message names the tool, path and keyword.</exception>
    internal static Grammar OfCalls(
        IReadOnlyList<ToolDefinition> tools, string argumentsKey, (string Before, string After) around, Grammar? otherwise = null) => Make(
        builder =>
        {
            var end = builder.Literal("}" + around.After, builder.Return, 1);
            var branches = new List<GrammarNode>();
            if (otherwise is not null) branches.Add(otherwise.Start);
            foreach (var tool in tools)
            {
                var name = $"{around.Before}{{\"name\": {ChatJson.Quote(tool.Name)}, \"{argumentsKey}\": ";
                branches.Add(builder.Literal(name, ArgumentsOf(tool, builder, end), 1));
            }
            return builder.Split([.. branches]);
        },
        isSpaced: true);

    static GrammarNode ArgumentsOf(ToolDefinition tool, GrammarBuilder builder, GrammarNode next)
    {
        try
        {
            if (tool.IsStrict) StrictSubset.Check(tool.Parameters);
            // What says nothing of its arguments takes any.
            bool isAny = tool.Parameters.EnumerateObject()
                .All(keyword => !SchemaKeywords.Compiled.Contains(keyword.Name) && !SchemaKeywords.IsRefused(keyword));
            bool hasType = tool.Parameters.TryGetProperty("type", out var type);
            if (hasType && !(type.ValueKind == JsonValueKind.String && type.ValueEquals("object")))
                throw new GrammarException("#", "type", $"arguments are an object, got {SchemaKeywords.Shown(type)}.");
            return isAny ? new JsonValues(builder).Object(next, 1) : new SchemaCompiler(builder, tool.Parameters).Compile(next, 1);
        }
        catch (GrammarException e)
        {
            throw e.Of($"the tool '{tool.Name}'");
        }
    }

    /// <summary>All automata that texts can come to.</summary>
    internal IEnumerable<Dfa> Automata()
    {
        var seen = new HashSet<GrammarNode>();
        var work = new Stack<GrammarNode>([Start]);
        while (work.TryPop(out var node))
        {
            if (!seen.Add(node)) continue;
            if (node.Dfa is { } dfa) yield return dfa;
            if (node.Next is { } next) work.Push(next);
            if (node.Rule is { } rule) work.Push(rule.Entry);
            foreach (var branch in node.Branches) work.Push(branch);
        }
    }

    static Grammar Make(Func<GrammarBuilder, GrammarNode> write, bool isSpaced = false)
    {
        var builder = new GrammarBuilder(isSpaced);
        var start = write(builder);
        builder.Finish();
        var grammar = new Grammar(start);
        return start.Height <= GrammarBuilder.MaxDepth ? grammar
            : throw new GrammarException($"Its shortest text is nested more than {GrammarBuilder.MaxDepth} deep.");
    }
}
