using System.Globalization;
using System.Text.Json;
using Earshot.Decoding;
using Microsoft.Extensions.AI;

namespace Earshot.TextGeneration;

/// <summary>
/// Options that Microsoft.Extensions.AI has no member for, by the names that servers use: <c>strict</c>, <c>min_p</c>, <c>typical_p</c>,
/// <c>repetition_penalty</c>, <c>logprobs</c>, <c>top_logprobs</c>, <c>enable_thinking</c>, <c>max_reasoning_tokens</c>, <c>adapter</c>.
/// </summary>
sealed class ChatProperties(AdditionalPropertiesDictionary? properties)
{
    static readonly string[] s_known =
    [
        "strict", "min_p", "typical_p", "repetition_penalty", "logprobs", "top_logprobs", "enable_thinking", "max_reasoning_tokens",
        "adapter",
    ];

    public bool Strict => Flag("strict") ?? false;

    public bool? EnableThinking => Flag("enable_thinking");

    public int? MaxReasoningTokens => Whole("max_reasoning_tokens");

    public string? Adapter => Value("adapter") switch
    {
        null => null,
        string name => name,
        JsonElement { ValueKind: JsonValueKind.String } json => json.GetString(),
        var other => throw Wrong("adapter", other, "an adapter's name"),
    };

    public int? TopLogprobs => Whole("top_logprobs") ?? (Flag("logprobs") == true ? 0 : null);

    public SamplingOptions Apply(SamplingOptions sampling) => sampling with
    {
        MinP = Number("min_p") ?? sampling.MinP,
        TypicalP = Number("typical_p") ?? sampling.TypicalP,
        RepetitionPenalty = Number("repetition_penalty") ?? sampling.RepetitionPenalty,
    };

    /// <exception cref="NotSupportedException">A property is none that means something here.</exception>
    public void RequireKnown()
    {
        if (properties?.Keys.FirstOrDefault(key => !s_known.Contains(key)) is { } other)
            throw new NotSupportedException(
                $"{nameof(ChatOptions.AdditionalProperties)} has '{other}', which is not known. Known are {string.Join(", ", s_known)}.");
    }

    bool? Flag(string name) => Value(name) switch
    {
        null => null,
        bool flag => flag,
        JsonElement { ValueKind: JsonValueKind.True or JsonValueKind.False } json => json.GetBoolean(),
        var other => throw Wrong(name, other, "true or false"),
    };

    int? Whole(string name) => Double(name) switch
    {
        null => null,
        var number when number == Math.Floor(number.Value) && number is >= 0 and <= int.MaxValue => (int)number.Value,
        var number => throw Wrong(name, number, "a whole number"),
    };

    float? Number(string name) => (float?)Double(name);

    double? Double(string name) => Value(name) switch
    {
        null => null,
        JsonElement { ValueKind: JsonValueKind.Number } json => json.GetDouble(),
        IConvertible number when number is not string and not bool => number.ToDouble(CultureInfo.InvariantCulture),
        var other => throw Wrong(name, other, "a number"),
    };

    object? Value(string name) => properties is not null && properties.TryGetValue(name, out var value) ? value : null;

    static ArgumentException Wrong(string name, object? got, string expected) =>
        new($"{nameof(ChatOptions.AdditionalProperties)}['{name}'] is {got}; expected {expected}.");
}
