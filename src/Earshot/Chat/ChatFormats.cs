using System.Text.RegularExpressions;

namespace Earshot.Chat;

/// <summary>All formats, and the marks by which their templates are known.</summary>
static partial class ChatFormats
{
    const string QwenSystem = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";

    // What begins a system turn of a template that has one by default, and the plain loop over turns without it.
    const string PlainLoop =
        "{%formessageinmessages%}{{'<|im_start|>'+message['role']+'\n'+message['content']+'<|im_end|>'+'\n'}}{%endfor%}" +
        "{%ifadd_generation_prompt%}{{'<|im_start|>assistant\n'}}{%endif%}";

    static readonly Dictionary<string, Func<ChatFormat>> s_byName = new(StringComparer.OrdinalIgnoreCase)
    {
        ["chatml"] = () => new ChatMLFormat("chatml", null, hasTools: false, ReasoningHabit.None),
        ["smollm2"] = () => new ChatMLFormat(
            "smollm2", "You are a helpful AI assistant named SmolLM, trained by Hugging Face", hasTools: false, ReasoningHabit.None),
        ["qwen2"] = () => new ChatMLFormat("qwen2", "You are a helpful assistant", hasTools: false, ReasoningHabit.None),
        ["qwen2.5"] = () => new ChatMLFormat("qwen2.5", QwenSystem, hasTools: true, ReasoningHabit.None),
        ["qwen3"] = () => new ChatMLFormat("qwen3", null, hasTools: true, ReasoningHabit.Optional),
        ["qwen3-nonthinking"] = () => new ChatMLFormat("qwen3-nonthinking", null, hasTools: true, ReasoningHabit.Suppressed),
        ["qwen3-thinking"] = () => new ChatMLFormat("qwen3-thinking", null, hasTools: true, ReasoningHabit.Always),
        ["qwen3-instruct"] = () => new ChatMLFormat("qwen3-instruct", null, hasTools: true, ReasoningHabit.None),
        ["llama2"] = () => new Llama2Format(),
        ["llama3"] = () => new Llama3Format("llama3", hasTools: false),
        ["llama3.1"] = () => new Llama3Format("llama3.1", hasTools: true),
        ["llama3.2"] = () => new Llama3Format("llama3.2", hasTools: true),
        ["llama3.3"] = () => new Llama3Format("llama3.3", hasTools: true),
    };

    public static IReadOnlyList<string> Names { get; } = [.. s_byName.Keys];

    public static ChatFormat ByName(string name) => s_byName.TryGetValue(name, out var create)
        ? create()
        : throw new ModelException($"There is no chat format '{name}'. Known are {string.Join(", ", Names)}.");

    public static ChatFormat Recognize(string? template, string source)
    {
        if (string.IsNullOrWhiteSpace(template))
        {
            throw new ModelException(
                $"'{source}' has no chat template, so the model may not have been trained on chats. If it was, name its format: " +
                $"{string.Join(", ", Names)}.");
        }
        var name = NameOf(template);
        return name is not null ? ByName(name) : Plain(template) ?? throw new ModelException(
            $"The chat template of '{source}' is none that is known, and guessing would quietly give other texts than those of the " +
            $"training. It begins '{Beginning(template)}'. Known are {string.Join(", ", Names)}: name the one that the model was trained " +
            $"on.");
    }

    /// <summary>The family whose marks a template has, and none of another's.</summary>
    static string? NameOf(string template)
    {
        bool Has(string mark) => template.Contains(mark, StringComparison.Ordinal);
        // Sound and pictures stand in turns as lists of parts, which are none of these formats'.
        if (Has("<|vision_start|>") || Has("<|audio_bos|>") || Has("<|AUDIO|>")) return null;
        if (Has("<|start_header_id|>") && Has("<|eot_id|>")) return NameOfLlama3(template);
        if (Has("[INST]")) return Has("<<SYS>>") && Has("bos_token") && !Has("[AVAILABLE_TOOLS]") ? "llama2" : null;
        if (!Has("<|im_start|>") || !Has("<tools></tools>") || !Has("<tool_call>") || !Has("<tool_response>")) return null;
        if (Has(QwenSystem)) return Has("think") ? null : "qwen2.5";
        // Another system text by default than the family's.
        if (template.Replace("You are provided with function", "", StringComparison.Ordinal).Contains("You are ", StringComparison.Ordinal))
            return null;
        if (!Has("think")) return "qwen3-instruct";
        if (!Has("last_query_index")) return null;
        if (Has("enable_thinking")) return "qwen3";
        if (Has(@"assistant\n<think>\n\n</think>\n\n' }}")) return "qwen3-nonthinking";
        return Has(@"assistant\n<think>\n' }}") ? "qwen3-thinking" : null;
    }

    static string? NameOfLlama3(string template)
    {
        bool Has(string mark) => template.Contains(mark, StringComparison.Ordinal);
        if (Has("Cutting Knowledge Date: December 2023") && Has("Environment: ipython") && Has("Do not use variables"))
            return Has("strftime_now") ? "llama3.2" : "llama3.1";
        return Has("tools") || Has("ipython") || Has("system_message") || Has("<think>") ? null : "llama3";
    }

    /// <summary>ChatML without tools, with whatever system text it has by default.</summary>
    static ChatMLFormat? Plain(string template)
    {
        // Ends of lines are written as such or as escapes, quotes single or double.
        var text = template.Replace("\\n", "\n", StringComparison.Ordinal).Replace('"', '\'');
        string? system = null;
        if (DefaultSystem().Match(text) is { Success: true } match)
        {
            system = match.Groups[1].Value;
            text = text.Remove(match.Index, match.Length);
        }
        if (Squeeze(text) != PlainLoop) return null;
        var known = system is null ? "chatml" : s_byName.Keys.FirstOrDefault(
            name => ByName(name) is ChatMLFormat { HasTools: false } format && format.DefaultSystem == system);
        return known is null ? new ChatMLFormat("chatml", system, hasTools: false, ReasoningHabit.None) : (ChatMLFormat)ByName(known);
    }

    /// <summary>Without the blanks that mean nothing, between and in tags but not in what is written.</summary>
    static string Squeeze(string template) => template.Trim().Replace("%-", "%", StringComparison.Ordinal)
        .Replace("-%", "%", StringComparison.Ordinal).Replace("{{-", "{{", StringComparison.Ordinal)
        .Replace(" ", "", StringComparison.Ordinal);

    static string Beginning(string template) => template.Length > 80 ? template[..80] + "…" : template;

    [GeneratedRegex(
        @"\{% ?-? ?if loop\.first and messages\[0\]\['role'\] != 'system' ?-?%\}\{\{-? ?'<\|im_start\|>system\n" +
        @"([^']*)<\|im_end\|>\n' ?\}\}\{% ?-? ?endif ?-?%\}",
        RegexOptions.CultureInvariant)]
    private static partial Regex DefaultSystem();
}
