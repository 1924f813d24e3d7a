using System.CommandLine;
using Earshot.Chat;
using Earshot.Cli.Files;
using Earshot.Cli.Models;
using Earshot.Cli.Options;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot chat</c>: a conversation with a language model.</summary>
internal sealed class ChatCommand : EarshotCommand
{
    const int UsualAnswer = 1024;

    readonly GenerationOptionSet _options = new();
    readonly Option<string?> _system = OptionKinds.Text(
        "--system", "TEXT", "What the assistant is told before the chat (default: the model's own text, where it has one).");
    readonly Option<bool> _noThinking = OptionKinds.Flag(
        "--no-thinking", "Have a model that thinks before it answers, such as Qwen3, answer at once.");

    readonly Option<int?> _maxThinking = OptionKinds.Whole(
        "--max-thinking", "The most tokens of a thought, which is then closed; --max-tokens then counts the answer alone.", 0);

    public ChatCommand(Terminal terminal) : base(
        "chat",
        "Talk with a language model: a line is a question, /new begins anew, /exit ends. What is piped in is one question.", terminal)
    {
        Add(_options.Model);
        AddGroup("Chat", _system, _noThinking, _maxThinking);
        AddGroups([_options.Generation, _options.Form, _options.Loading(chats: true)]);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot chat SmolLM2-135M-Instruct.Q4_1.gguf", "Talk in the terminal; the chat so far is remembered."),
        new("earshot chat Qwen/Qwen2.5-1.5B-Instruct --system \"Answer in one sentence.\"", "The same, with a rule for every answer."),
        new(
            "cat mail.txt | earshot chat ./Qwen3-4B --no-thinking --json-schema order.json",
            "JSON of a schema, and nothing else: for a program."),
        new("cat notes.txt | earshot chat ./Qwen3-4B --no-thinking --system \"Sum this up.\"", "One answer to what is piped in."),
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        _options.GrammarOf(parsed);
        using var model = await LanguageModelLoader.LoadAsync(
            parsed.GetRequiredValue(_options.Model), _options.LoadingOf(parsed), Terminal, cancellationToken, _options.OnnxOf(parsed))
            .ConfigureAwait(false);
        var options = _options.Of(parsed, model);
        options = options with
        {
            MaxTokens = options.MaxTokens ?? Math.Min(UsualAnswer, Math.Max(1, model.Context / 2)),
            MaxReasoningTokens = parsed.GetValue(_maxThinking),
            Chat = new ChatPromptOptions { EnableReasoning = parsed.GetValue(_noThinking) ? false : null },
        };
        var chat = new ChatSession(model, options, parsed.GetValue(_system), Terminal);
        if (!Terminal.InputIsTerminal)
        {
            var question = await StandardInput.ReadAllAsync(Terminal, cancellationToken).ConfigureAwait(false);
            if (string.IsNullOrWhiteSpace(question)) throw new UsageException("standard input has no question.");
            await chat.AskAsync(question, cancellationToken).ConfigureAwait(false);
            return ExitCode.Ok;
        }
        await TalkAsync(chat, cancellationToken).ConfigureAwait(false);
        return ExitCode.Ok;
    }

    async Task TalkAsync(ChatSession chat, CancellationToken cancellationToken)
    {
        using var reader = StandardInput.Open(Terminal);
        while (true)
        {
            Terminal.Out.Write(Terminal.Paint("> ", "1", Terminal.OutIsTerminal));
            var line = await reader.ReadLineAsync(cancellationToken).ConfigureAwait(false);
            switch (line?.Trim())
            {
                case null:
                    Terminal.Out.WriteLine();
                    return;
                case "/exit":
                    return;
                case "/new":
                    chat.Restart();
                    Terminal.Say("The chat begins anew.");
                    break;
                case "":
                    break;
                default:
                    await AnswerAsync(chat, line, cancellationToken).ConfigureAwait(false);
                    break;
            }
        }
    }

    // A question that cannot be answered is no end of the chat.
    async Task AnswerAsync(ChatSession chat, string line, CancellationToken cancellationToken)
    {
        try
        {
            await chat.AskAsync(line, cancellationToken).ConfigureAwait(false);
        }
        catch (ModelException e)
        {
            Terminal.Fail(e.Message, e);
        }
    }
}
