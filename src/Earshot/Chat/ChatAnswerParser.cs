using System.Text.Json;

namespace Earshot.Chat;

/// <summary>
/// Tells what is said, what is thought and what is called in an answer as it is generated. Tags never show, nor do halves of them; a call
/// that is no valid JSON is text, as it was written; one whose end is missing is still a call. Not for several threads at once.
/// </summary>
public sealed class ChatAnswerParser
{
    internal const string OpenThought = "<think>", CloseThought = "</think>", OpenCall = "<tool_call>", CloseCall = "</tool_call>";

    readonly ChatAnswerSyntax _syntax;
    readonly List<ChatAnswerPart> _parts = [];
    readonly JsonExtent _extent = new();
    string _pending = "";
    State _state;
    // After a tag: ends of lines that belong to it.
    bool _dropsLines;

    enum State { Start, Reasoning, Text, TaggedCall, BareCall }

    internal ChatAnswerParser(ChatAnswerSyntax syntax, bool isInsideReasoning)
    {
        _syntax = syntax;
        _state = isInsideReasoning ? State.Reasoning : State.Start;
        _dropsLines = isInsideReasoning;
    }

    /// <summary>Whether the answer is still inside of a thought; an answer that ends so has no text.</summary>
    public bool IsInsideReasoning => _state == State.Reasoning;

    /// <summary>How many tools were called so far.</summary>
    public int ToolCallCount { get; private set; }

    /// <summary>The parts that more of the answer completes; what may still become a tag or a call is held back.</summary>
    public IReadOnlyList<ChatAnswerPart> Append(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        _pending += text;
        return Run(isEnd: false);
    }

    /// <summary>The parts that were held back, at the answer's end.</summary>
    public IReadOnlyList<ChatAnswerPart> Complete() => Run(isEnd: true);

    /// <summary>Arguments as an object in the templates' form, also where a JSON string holds it; null where there is none.</summary>
    internal static string? ArgumentsOf(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return ArgumentsOf(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    static string? ArgumentsOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => ChatJson.Format(value),
        JsonValueKind.Null => "{}",
        JsonValueKind.String => string.IsNullOrWhiteSpace(value.GetString()) ? "{}" : ChatJson.TryFormat(value.GetString()!),
        _ => null,
    };

    ChatAnswerPart[] Run(bool isEnd)
    {
        while (Step(isEnd))
        {
        }
        ChatAnswerPart[] parts = [.. _parts];
        _parts.Clear();
        return parts;
    }

    /// <summary>Goes on to another state; false where there is nothing more to do before more text comes.</summary>
    bool Step(bool isEnd) => _state switch
    {
        State.Start => Start(isEnd),
        State.Reasoning => Reason(isEnd),
        State.Text => Say(isEnd),
        State.TaggedCall => ReadTagged(isEnd),
        _ => ReadBare(isEnd),
    };

    bool Start(bool isEnd)
    {
        var text = _pending.AsSpan().TrimStart();
        if (_syntax.HasReasoning)
        {
            if (text.StartsWith(OpenThought, StringComparison.Ordinal))
            {
                Enter(State.Reasoning, text[OpenThought.Length..].ToString());
                return true;
            }
            if (!isEnd && OpenThought.AsSpan().StartsWith(text, StringComparison.Ordinal)) return false;
        }
        if (_syntax.Calls == ToolCallSyntax.Bare)
        {
            // Several calls are told apart by nothing, by white space or by a semicolon.
            if (ToolCallCount > 0) text = text.TrimStart("; \n");
            if (text.IsEmpty && !isEnd) return false;
            if (ToolCallCount > 0 && (text.IsEmpty || text[0] == '{')) _pending = text.ToString();
            if (text.StartsWith("{", StringComparison.Ordinal))
            {
                _extent.Reset();
                _state = State.BareCall;
                return true;
            }
        }
        _state = State.Text;
        return true;
    }

    bool Reason(bool isEnd)
    {
        DropLines();
        int close = _pending.IndexOf(CloseThought, StringComparison.Ordinal);
        int end = close >= 0 ? EndOfLines(close) : isEnd ? EndOfLines(_pending.Length) : HeldFrom(CloseThought);
        if (end > 0) _parts.Add(new AnswerReasoning(_pending[..end]));
        if (close < 0)
        {
            _pending = isEnd ? "" : _pending[end..];
            return false;
        }
        Enter(State.Text, _pending[(close + CloseThought.Length)..]);
        return true;
    }

    bool Say(bool isEnd)
    {
        DropLines();
        bool isTagged = _syntax.Calls == ToolCallSyntax.Tagged;
        int open = isTagged ? _pending.IndexOf(OpenCall, StringComparison.Ordinal) : -1;
        int end = open >= 0 ? EndOfLines(open) : isEnd || !isTagged ? _pending.Length : HeldFrom(OpenCall);
        if (end > 0) _parts.Add(new AnswerText(_pending[..end]));
        _pending = _pending[(open >= 0 ? open : end)..];
        if (open < 0) return false;
        _extent.Reset();
        _state = State.TaggedCall;
        return true;
    }

    bool ReadTagged(bool isEnd)
    {
        int close = _extent.IndexOf(_pending, OpenCall.Length, CloseCall);
        // An end inside of what looks like a string is one where nothing else ends the call.
        if (close < 0 && isEnd) close = _pending.IndexOf(CloseCall, StringComparison.Ordinal);
        if (close < 0 && !isEnd) return false;
        int bodyEnd = close < 0 ? _pending.Length : close;
        int end = close < 0 ? bodyEnd : close + CloseCall.Length;
        var call = Call(_pending[OpenCall.Length..bodyEnd]);
        if (call is null) _parts.Add(new AnswerText(_pending[..end]));
        else Add(call);
        Enter(State.Text, _pending[end..], dropsLines: call is not null);
        return true;
    }

    bool ReadBare(bool isEnd)
    {
        int start = _pending.Length - _pending.AsSpan().TrimStart().Length;
        int end = _extent.EndOfObject(_pending, start);
        if (end < 0 && !isEnd && MayBeCall(_pending.AsSpan(start))) return false;
        var call = end < 0 ? null : Call(_pending[start..end]);
        if (call is null)
        {
            _state = State.Text;
            return true;
        }
        Add(call);
        Enter(State.Start, _pending[end..]);
        return true;
    }

    /// <summary>Whether an object that has just begun has one of a call's keys first.</summary>
    static bool MayBeCall(ReadOnlySpan<char> text)
    {
        text = text[1..].TrimStart();
        foreach (var key in (ReadOnlySpan<string>)["\"name\"", "\"parameters\"", "\"arguments\"", "\"type\"", "\"function\""])
        {
            if (text.StartsWith(key, StringComparison.Ordinal) || key.AsSpan().StartsWith(text, StringComparison.Ordinal)) return true;
        }
        return false;
    }

    static (string Name, string Arguments)? Call(string body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var call = document.RootElement;
            if (call.ValueKind != JsonValueKind.Object) return null;
            if (call.TryGetProperty("function", out var function) && function.ValueKind == JsonValueKind.Object) call = function;
            bool hasName = call.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String;
            bool hasArguments = call.TryGetProperty("arguments", out var arguments) || call.TryGetProperty("parameters", out arguments);
            return hasName && name.GetString() is { Length: > 0 } text && (hasArguments ? ArgumentsOf(arguments) : "{}") is { } values
                ? (text, values)
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    void Add((string Name, string Arguments)? call)
    {
        ToolCallCount++;
        var id = $"call_{Random.Shared.NextInt64():x16}";
        _parts.Add(new AnswerToolCall(new ToolCall(id, call!.Value.Name, call.Value.Arguments)));
    }

    void Enter(State state, string pending, bool dropsLines = true)
    {
        (_state, _pending, _dropsLines) = (state, pending, dropsLines);
    }

    void DropLines()
    {
        if (!_dropsLines) return;
        _pending = _pending.TrimStart('\n');
        _dropsLines = _pending.Length == 0;
    }

    /// <summary>Where ends of lines begin that stand before a place.</summary>
    int EndOfLines(int end)
    {
        while (end > 0 && _pending[end - 1] == '\n') end--;
        return end;
    }

    /// <summary>Where that begins which may become a tag, with the ends of lines before it.</summary>
    int HeldFrom(string tag)
    {
        for (int length = Math.Min(tag.Length - 1, _pending.Length); length > 0; length--)
        {
            if (_pending.AsSpan().EndsWith(tag.AsSpan(0, length), StringComparison.Ordinal)) return EndOfLines(_pending.Length - length);
        }
        return EndOfLines(_pending.Length);
    }
}
