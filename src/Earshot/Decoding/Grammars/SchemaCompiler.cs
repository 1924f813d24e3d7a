using System.Text.Json;
using static Earshot.Decoding.Grammars.SchemaKeywords;

namespace Earshot.Decoding.Grammars;

/// <summary>
/// Makes the program of a JSON Schema. What is generated is always valid; not all that is valid is generated: keys come in the schema's
/// order, a schema that names properties and says nothing of others has no others, and one without type is of the type that its keywords
/// are about.
/// </summary>
sealed partial class SchemaCompiler
{
    readonly GrammarBuilder _builder;
    readonly JsonElement _root;
    readonly JsonValues _any;
    readonly Dictionary<string, GrammarRule> _rules = [];
    readonly Queue<(JsonElement Schema, string Path, GrammarRule Rule)> _unwritten = [];

    public SchemaCompiler(GrammarBuilder builder, JsonElement root)
    {
        (_builder, _root) = (builder, root);
        _any = new JsonValues(builder);
    }

    /// <param name="next">What comes behind the value; null for nothing.</param>
    /// <param name="depth">How many objects and arrays are open around it.</param>
    public GrammarNode Compile(GrammarNode? next = null, int depth = 0)
    {
        var start = _builder.Call(RuleOf(_root, "#"), next ?? _builder.Return, depth);
        while (_unwritten.TryDequeue(out var rule)) rule.Rule.Entry = Value(rule.Schema, new(rule.Path, 0), _builder.Return);
        _builder.Finish();
        if (start.Bytes >= GrammarNode.Infinite)
            throw new GrammarException("#", null, "nothing satisfies it: each of its values holds another one of the same kind.");
        return start;
    }

    GrammarNode Value(JsonElement schema, Place at, GrammarNode next)
    {
        _builder.Budget.Spend(1);
        if (schema.ValueKind == JsonValueKind.True) return _any.Value(next, at.Depth);
        if (schema.ValueKind == JsonValueKind.False) throw new GrammarException(at.Path, null, "nothing satisfies false.");
        if (schema.ValueKind != JsonValueKind.Object)
            throw new GrammarException(at.Path, null, $"a schema is an object or a boolean, got {Shown(schema)}.");
        foreach (var keyword in schema.EnumerateObject())
            if (IsRefused(keyword))
                throw new GrammarException(at.Path, keyword.Name, "it cannot be compiled; leave it out, or say it in another way.");

        if (schema.TryGetProperty("$ref", out var reference))
        {
            CheckBeside(schema, at, "$ref");
            return _builder.Call(Resolve(Text(reference, at.Path, "$ref"), at.Path), next, at.Depth);
        }
        if (schema.TryGetProperty("const", out var constant))
        {
            CheckBeside(schema, at, "const", "type");
            return Constants([constant], schema, at, "const", next);
        }
        if (schema.TryGetProperty("enum", out _))
        {
            CheckBeside(schema, at, "enum", "type");
            return Constants(List(schema, "enum", at.Path).EnumerateArray(), schema, at, "enum", next);
        }
        if (schema.TryGetProperty("allOf", out _))
        {
            CheckBeside(schema, at, "allOf");
            var all = List(schema, "allOf", at.Path);
            return all.GetArrayLength() == 1 ? Value(all[0], at.Below("allOf/0"), next)
                : throw new GrammarException(at.Path, "allOf", "only one schema in it can be compiled; write them as one.");
        }
        if (schema.TryGetProperty("anyOf", out _)) return Union(schema, at, "anyOf", next);
        if (schema.TryGetProperty("oneOf", out _)) return Union(schema, at, "oneOf", next);
        if (TypesOf(schema, at.Path) is not { } types) return _any.Value(next, at.Depth);
        // An integer is a number.
        if (types.Contains("number")) types.Remove("integer");
        return _builder.Split([.. types.Select(type => OfType(type, schema, at, next))]);
    }

    GrammarNode OfType(string type, JsonElement schema, Place at, GrammarNode next) => type switch
    {
        "string" => _builder.Match(StringOf(schema, at.Path), next, at.Depth),
        "number" or "integer" => _builder.Match(NumberOf(schema, at.Path, type == "integer"), next, at.Depth),
        "boolean" => _builder.Match(JsonTexts.Boolean, next, at.Depth),
        "null" => _builder.Match(JsonTexts.Null, next, at.Depth),
        "array" => ArrayOf(schema, at, next),
        _ => ObjectOf(schema, at, next),
    };

    GrammarNode Constants(IEnumerable<JsonElement> values, JsonElement schema, Place at, string keyword, GrammarNode next)
    {
        var types = schema.TryGetProperty("type", out _) ? TypesOf(schema, at.Path) : null;
        var allowed = values.Where(value => types is null || types.Exists(type => IsOfType(value, type))).ToList();
        if (allowed.Count == 0) throw new GrammarException(at.Path, keyword, "no value is of the schema's type.");
        var words = Guard(at.Path, keyword, () => JsonTexts.Words(allowed.Select(_builder.Constant), _builder.Budget));
        return _builder.Match(words, next, at.Depth + allowed.Max(JsonTexts.Depth));
    }

    GrammarNode Union(JsonElement schema, Place at, string keyword, GrammarNode next)
    {
        CheckBeside(schema, at, keyword);
        var branches = List(schema, keyword, at.Path);
        if (keyword == "oneOf") SchemaOverlap.Check([.. branches.EnumerateArray()], at.Path, _root);
        int index = 0;
        var nodes = new List<GrammarNode>();
        foreach (var branch in branches.EnumerateArray())
        {
            string name = $"{keyword}/{index++}";
            if (branch.ValueKind != JsonValueKind.False) nodes.Add(Value(branch, at.Below(name), next));
        }
        return nodes.Count > 0 ? _builder.Split([.. nodes]) : throw new GrammarException(at.Path, keyword, "nothing satisfies it.");
    }

    GrammarNode ArrayOf(JsonElement schema, Place at, GrammarNode next)
    {
        int least = Count(schema, "minItems", at.Path) ?? 0;
        var most = Count(schema, "maxItems", at.Path);
        if (most < least) throw new GrammarException(at.Path, "maxItems", $"it is {most}, below minItems, {least}.");
        bool hasItems = schema.TryGetProperty("items", out var items);
        if (hasItems && items.ValueKind == JsonValueKind.False)
        {
            most = least == 0 ? 0 : throw new GrammarException(at.Path, "items", "it is false, and minItems asks for some.");
        }
        if (hasItems && items.ValueKind == JsonValueKind.Array)
            throw new GrammarException(at.Path, "items", "a list of schemas cannot be compiled; give one for all items.");
        if (most == 0) return _builder.Literal("[]", next, at.Depth + 1);
        var rule = hasItems ? RuleOf(items, $"{at.Path}/items") : RuleOf(s_true, "any");
        string keyword = least > 1 && (most ?? 0) - least < least ? "minItems" : "maxItems";
        return Guard(at.Path, keyword, () => _any.Array(rule, least, most, next, at.Depth));
    }

    static readonly JsonElement s_true = JsonDocument.Parse("true").RootElement;

    GrammarRule RuleOf(JsonElement schema, string path)
    {
        if (_rules.TryGetValue(path, out var rule)) return rule;
        _rules[path] = rule = new GrammarRule();
        _unwritten.Enqueue((schema, path, rule));
        return rule;
    }

    GrammarRule Resolve(string reference, string path) => RuleOf(SchemaReference.Resolve(_root, reference, path), reference);

    /// <summary>Refuses keywords that would restrict values further.</summary>
    static void CheckBeside(JsonElement schema, Place at, string keyword, string? allowed = null)
    {
        foreach (var other in schema.EnumerateObject())
            if (other.Name != keyword && other.Name != allowed && Compiled.Contains(other.Name))
                throw new GrammarException(at.Path, other.Name,
                    $"it cannot be compiled beside '{keyword}'; write it into the schemas there.");
    }

    /// <summary>Says where what cannot be compiled is.</summary>
    static T Guard<T>(string path, string keyword, Func<T> make)
    {
        try
        {
            return make();
        }
        catch (GrammarException e) when (e.Path is null)
        {
            throw new GrammarException(path, keyword, e.Message, e);
        }
    }

    /// <summary>Where in the schema, and how many objects and arrays of the rule are open there.</summary>
    readonly record struct Place(string Path, int Depth)
    {
        public Place Below(string name) => this with { Path = $"{Path}/{name}" };
    }
}
