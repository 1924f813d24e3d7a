using System.Text;
using Earshot.Chat;
using Earshot.TextGeneration;

namespace Earshot.Cli.Models;

/// <summary>A conversation in the terminal: what was said so far, and answers as they come.</summary>
internal sealed class ChatSession
{
    readonly LanguageModel _model;
    readonly GenerationOptions _options;
    readonly string? _system;
    readonly Terminal _terminal;
    List<ChatTurn> _turns = [];

    public ChatSession(LanguageModel model, GenerationOptions options, string? system, Terminal terminal)
    {
        (_model, _options, _system, _terminal) = (model, options, system, terminal);
        Restart();
    }

    /// <summary>Forgets what was said, but for what the assistant is told before.</summary>
    public void Restart() => _turns = _system is null ? [] : [ChatTurn.System(_system)];

    /// <summary>Shows the answer to a question, and remembers both.</summary>
    /// <exception cref="ModelException">The question does not fit the context; it is not remembered.</exception>
    public async Task AskAsync(string question, CancellationToken cancellationToken)
    {
        List<ChatTurn> asked = [.. _turns, ChatTurn.User(question)];
        var kept = _model.FitToContext(asked, _options.MaxTokens!.Value, _options.Chat);
        if (kept.Count < asked.Count)
        {
            _terminal.Say(
                $"The context of {_model.Context:N0} tokens is full: " +
                $"the oldest {asked.Count - kept.Count} turns of the chat are forgotten.");
        }
        var (text, isThinking) = (new StringBuilder(), false);
        await foreach (var update in _model.AnswerAsync(kept, _options, cancellationToken).ConfigureAwait(false))
        {
            Show(update.Parts, text, ref isThinking);
            if (update.End is not { } end) continue;
            if (isThinking) _terminal.Error.WriteLine();
            _terminal.Out.WriteLine();
            if (end.IsInsideReasoning)
                _terminal.Say("The limit ended the answer inside of a thought; see --max-tokens and --max-thinking.");
            _terminal.Detail(Summary(end));
        }
        _turns = [.. kept, ChatTurn.Assistant(text.ToString())];
    }

    /// <summary>Thoughts are talk, the answer is the result.</summary>
    void Show(IReadOnlyList<ChatAnswerPart> parts, StringBuilder text, ref bool isThinking)
    {
        foreach (var part in parts)
        {
            if (part is AnswerReasoning thought && !_terminal.Quiet)
            {
                _terminal.Error.Write(_terminal.Paint(thought.Text, "2", _terminal.ErrorIsTerminal));
                isThinking = true;
            }
            if (part is not AnswerText said) continue;
            if (isThinking) _terminal.Error.WriteLine();
            isThinking = false;
            _terminal.Out.Write(said.Text);
            text.Append(said.Text);
        }
    }

    static string Summary(GenerationEnd end)
    {
        var reused = end.ReusedTokens > 0 ? $" ({end.ReusedTokens} known already)" : "";
        var guessed = end.DraftTokens > 0 ? $", {end.AcceptedDraftTokens} of {end.DraftTokens} guessed right" : "";
        return $"{end.PromptTokens} tokens of prompt{reused}, {end.Tokens} generated{guessed}; seed {end.Seed}.";
    }
}
