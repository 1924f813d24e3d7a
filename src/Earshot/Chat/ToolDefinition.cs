using System.Text.Json;

namespace Earshot.Chat;

/// <summary>A tool that the model may call, as OpenAI's API describes it.</summary>
public sealed class ToolDefinition
{
    static readonly JsonElement s_anything = JsonDocument.Parse("{}").RootElement;

    ToolDefinition(string name, string json, JsonElement parameters, bool strict)
    {
        (Name, Json, Parameters, IsStrict) = (name, json, parameters, strict);
    }

    public string Name { get; }

    /// <summary>The whole description, in the form that models were trained on.</summary>
    internal string Json { get; }

    /// <summary>The schema of its arguments.</summary>
    internal JsonElement Parameters { get; }

    /// <summary>Whether the schema has to be in OpenAI's strict subset.</summary>
    public bool IsStrict { get; }

    /// <summary>A tool by its name, what it does, and the JSON Schema of its parameters.</summary>
    /// <param name="strict">Whether the schema has to be in OpenAI's strict subset; otherwise keys may be optional, and what only
    /// describes is passed over, as MCP servers and functions of .NET describe them.</param>
    /// <exception cref="ArgumentException">The parameters are no JSON object.</exception>
    public static ToolDefinition Create(string name, string? description, string parameters, bool strict = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(parameters);
        var schema = ChatJson.TryFormat(parameters)
            ?? throw new ArgumentException($"The parameters of the tool '{name}' are no JSON object: {parameters}", nameof(parameters));
        var about = description is null ? "" : $"\"description\": {ChatJson.Quote(description)}, ";
        var function = $$$"""{"name": {{{ChatJson.Quote(name)}}}, {{{about}}}"parameters": {{{schema}}}}""";
        return new(name, $$$"""{"type": "function", "function": {{{function}}}}""", Element(schema), strict);
    }

    /// <summary>A tool as OpenAI's API takes it, <c>{"type": "function", "function": {…}}</c>; keys keep their order.</summary>
    /// <exception cref="ArgumentException">It is no such object.</exception>
    public static ToolDefinition FromJson(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("function", out var function) && function.ValueKind == JsonValueKind.Object
                && function.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String)
            {
                bool hasSchema = function.TryGetProperty("parameters", out var schema) && schema.ValueKind == JsonValueKind.Object;
                bool strict = function.TryGetProperty("strict", out var flag) && flag.ValueKind == JsonValueKind.True;
                return new(
                    name.GetString()!, ChatJson.Format(document.RootElement), hasSchema ? schema.Clone() : s_anything, strict);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new ArgumentException($"The tool is not valid JSON: {e.Message}", nameof(json), e);
        }
        throw new ArgumentException(
            "The tool is not {\"type\": \"function\", \"function\": {\"name\": …}}, as OpenAI's API describes it.", nameof(json));
    }

    static JsonElement Element(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}
