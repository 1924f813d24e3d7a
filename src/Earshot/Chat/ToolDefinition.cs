using System.Text.Json;

namespace Earshot.Chat;

/// <summary>A tool that the model may call, as OpenAI's API describes it.</summary>
public sealed class ToolDefinition
{
    ToolDefinition(string name, string json)
    {
        Name = name;
        Json = json;
    }

    public string Name { get; }

    /// <summary>The whole description, in the form that models were trained on.</summary>
    internal string Json { get; }

    /// <summary>A tool by its name, what it does, and the JSON Schema of its parameters.</summary>
    /// <exception cref="ArgumentException">The parameters are no JSON object.</exception>
    public static ToolDefinition Create(string name, string? description, string parameters)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(parameters);
        var schema = ChatJson.TryFormat(parameters)
            ?? throw new ArgumentException($"The parameters of the tool '{name}' are no JSON object: {parameters}", nameof(parameters));
        var about = description is null ? "" : $"\"description\": {ChatJson.Quote(description)}, ";
        var function = $$$"""{"name": {{{ChatJson.Quote(name)}}}, {{{about}}}"parameters": {{{schema}}}}""";
        return new(name, $$$"""{"type": "function", "function": {{{function}}}}""");
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
                return new(name.GetString()!, ChatJson.Format(document.RootElement));
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new ArgumentException($"The tool is not valid JSON: {e.Message}", nameof(json), e);
        }
        throw new ArgumentException(
            "The tool is not {\"type\": \"function\", \"function\": {\"name\": …}}, as OpenAI's API describes it.", nameof(json));
    }
}
