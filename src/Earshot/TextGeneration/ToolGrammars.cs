using Earshot.Chat;
using Earshot.Decoding.Grammars;

namespace Earshot.TextGeneration;

/// <summary>What is asked of answers to chats with tools.</summary>
static class ToolGrammars
{
    /// <summary>What is asked of an answer, thoughts apart.</summary>
    /// <exception cref="GrammarException">A tool's schema cannot be compiled.</exception>
    /// <exception cref="ModelException">The format has no tools, or none has the name that must be called.</exception>
    public static AnswerRules RulesOf(GenerationOptions options, ChatFormat format, KeptGrammars grammars)
    {
        var rules = new AnswerRules { Text = options.Grammar, MaxThoughtTokens = options.MaxReasoningTokens };
        var (tools, choice) = (options.Chat.Tools, options.ToolChoice);
        bool mustCall = choice.Kind == ToolChoiceKind.Required;
        if (mustCall && tools.Count == 0) throw new ModelException("A tool has to be called, and none is given. Give tools, or let it be.");
        if (tools.Count == 0 || choice.Kind == ToolChoiceKind.None) return rules;
        if (choice.Name is { } name)
        {
            tools = [.. tools.Where(tool => tool.Name == name)];
            if (tools.Count == 0)
                throw new ModelException(
                    $"The tool '{name}' has to be called, and is none of those that are given: " +
                    $"{string.Join(", ", options.Chat.Tools.Select(tool => tool.Name))}.");
        }
        // A format that has none refuses the tools as it writes them down.
        var calls = format.Syntax(parsesToolCalls: true).Calls;
        if (calls == ToolCallSyntax.None) return rules;
        bool isBare = calls == ToolCallSyntax.Bare;
        var key = $"tools {isBare}\n{string.Join('\n', tools.Select(tool => $"{tool.IsStrict} {tool.Json}"))}";
        var call = grammars.Get(key, () => OfCalls(tools, isBare, otherwise: null));
        return rules with
        {
            Calls = calls,
            Call = call,
            MustCall = mustCall,
            AllowsSeveralCalls = options.AllowMultipleToolCalls,
            // Where no mark tells a call, the text is the one or the other.
            Text = mustCall ? null : isBare && options.Grammar is { } text ? OfCalls(tools, isBare, text) : options.Grammar,
        };
    }

    static Grammar OfCalls(IReadOnlyList<ToolDefinition> tools, bool isBare, Grammar? otherwise) => isBare
        ? Grammar.OfCalls(tools, "parameters", ("", ""), otherwise)
        : Grammar.OfCalls(tools, "arguments", ("\n", "\n"), otherwise);
}
