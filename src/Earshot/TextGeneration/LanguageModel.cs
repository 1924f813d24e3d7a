using System.Runtime.CompilerServices;
using System.Text;
using Earshot.Chat;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Decoding.Grammars;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.TextGeneration;

/// <summary>
/// A loaded language model: Llama 2 and 3, SmolLM2, Qwen2, Qwen2.5 or Qwen3, from a folder in Hugging Face's format or a GGUF file. Safe
/// on several threads at once: generations that run together share the weights and are computed together, and each gives the text that it
/// gives alone.
/// </summary>
/// <example><code>
/// using var model = await LanguageModel.LoadAsync("SmolLM2-135M-Instruct.Q4_1.gguf");
/// await foreach (var piece in model.GenerateAsync([ChatTurn.User("What is the capital of France?")]))
///     Console.Write(piece.Text);
/// </code></example>
public sealed partial class LanguageModel : IDisposable
{
    const int MostLogprobs = 20;

    readonly IReadOnlyList<IDisposable> _owned;
    readonly DecoderRuntime _decoder;
    readonly Lazy<ChatFormat> _chatFormat;
    readonly IReadOnlySet<int> _textEnds;
    readonly Lazy<IReadOnlySet<int>> _chatEnds;
    readonly Lazy<GrammarVocabulary> _textVocabulary;
    readonly Lazy<GrammarVocabulary> _chatVocabulary;
    LanguageModel? _draft;

    LanguageModel(string model, (SpeechModel Model, CausalLmPrompt Prompt) opened, DecoderRuntime decoder, IReadOnlyList<IDisposable> owned)
    {
        (Model, Parts, _decoder, _owned) = (model, opened.Model, decoder, owned);
        Tokenizer = opened.Model.RequireTokenizer() as TextTokenizer
            ?? throw new CheckpointException($"'{model}' has a tokenizer of another kind than a language model's. Download it again.");
        var generation = opened.Prompt.Generation;
        _textEnds = new HashSet<int>(Tokenizer.EndToken is { } end ? [.. generation.EndTokens, end] : generation.EndTokens);
        _chatFormat = new(() => ChatFormat.For(Tokenizer));
        _chatEnds = new(() => Format.EndTokenIds(Tokenizer, generation.EndTokens));
        _textVocabulary = new(() => GrammarVocabulary.Create(Tokenizer, _textEnds));
        _chatVocabulary = new(() => GrammarVocabulary.Create(Tokenizer, _chatEnds.Value));
        DefaultSampling = LanguageModelLoading.SamplingOf(generation);
    }

    /// <summary>The name or path that it was loaded from.</summary>
    public string Model { get; }

    /// <summary>What it is made of.</summary>
    public SpeechModel Parts { get; }

    public TextTokenizer Tokenizer { get; }

    /// <summary>The most tokens of a sequence, prompt included.</summary>
    public int Context => _decoder.Shape.MostPositions;

    /// <summary>What the model's makers recommend; the likeliest token where they say nothing.</summary>
    public SamplingOptions DefaultSampling { get; }

    /// <summary>What it is computed with.</summary>
    public required ComputeSettings Settings { get; init; }

    /// <summary>What a GGUF file's blocks become as they are loaded; empty where all weights are read as they are stored.</summary>
    public required IReadOnlyList<WeightConversion> Conversions { get; init; }

    /// <summary>How chats are written down.</summary>
    /// <exception cref="ModelException">The model has no chat template, or none that is known; name the format as it is
    /// loaded.</exception>
    public ChatFormat Format => NamedFormat ?? _chatFormat.Value;

    /// <summary>The names of the adapters that generations may name.</summary>
    public IReadOnlyCollection<string> Adapters => Loaded.Names;

    internal ChatFormat? NamedFormat { get; init; }

    internal KeptGrammars Grammars { get; } = new();

    internal LanguageModelAdapters Loaded { get; init; } = LanguageModelAdapters.None;

    /// <summary>
    /// Loads a model by its folder, its GGUF file, or its name on the hub (<c>owner/repo</c>, <c>owner/repo:Q4_K_M</c>), downloading it
    /// where it is not here yet.
    /// </summary>
    /// <exception cref="CheckpointException">The model cannot be had, is damaged, or asks for what is not implemented.</exception>
    /// <exception cref="ModelException">The model is of another kind.</exception>
    public static async Task<LanguageModel> LoadAsync(
        string model, LanguageModelOptions? options = null, IProgress<DownloadProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(model);
        options ??= new LanguageModelOptions();
        using var hub = new ModelHub(options.Hub ?? HubOptions.FromEnvironment());
        var path = await hub.GetAsync(model, progress, cancellationToken).ConfigureAwait(false);
        var loaded = await Task.Run(() => Load(model, path, options), cancellationToken).ConfigureAwait(false);
        if (options.Draft is null) return loaded;
        try
        {
            var guesser = options with { Draft = null, Adapters = [], ChatFormat = null, Weights = null, WeightsFor = null };
            loaded._draft = await LoadAsync(options.Draft, guesser, progress, cancellationToken).ConfigureAwait(false);
            LanguageModelLoading.RequireSameVocabulary(loaded, loaded._draft);
            return loaded;
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    /// <summary>Wraps a model that runs elsewhere, such as graphs in ONNX Runtime; it disposes of the runtime.</summary>
    /// <param name="model">What messages call it.</param>
    /// <param name="parts">What it is, as its folder says.</param>
    /// <param name="options">Of these, the format of chats counts.</param>
    /// <param name="settings">What it is computed with.</param>
    /// <exception cref="CheckpointException">It has no tokenizer.</exception>
    /// <exception cref="ModelException">It is a model of another kind.</exception>
    public static LanguageModel Over(
        string model, SpeechModel parts, ModelRuntime runtime, LanguageModelOptions? options, ComputeSettings settings)
    {
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentNullException.ThrowIfNull(runtime);
        try
        {
            return new LanguageModel(model, (parts, LanguageModelLoading.PromptOf(model, parts)), runtime.RequireDecoder(), [runtime])
            {
                NamedFormat = options?.ChatFormat is { } name ? ChatFormat.Named(name) : null,
                Settings = settings,
                Conversions = [],
            };
        }
        catch
        {
            runtime.Dispose();
            throw;
        }
    }

    /// <summary>Continues a text, which is tokens as it stands: nothing in it is a special token.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="ModelException">The prompt is empty, or leaves the context no room for what is asked for.</exception>
    /// <exception cref="OverloadedException">More generations wait than the model was loaded for.</exception>
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(
        string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        var ids = Tokenizer.Encode(prompt);
        if (Tokenizer is { AddsBeginToken: true, BeginToken: { } begin }) ids = [begin, .. ids];
        return Start(ids, options, PlainText(options), cancellationToken);
    }

    /// <summary>Answers a chat, in its model's own format.</summary>
    /// <inheritdoc cref="GenerateAsync(string, GenerationOptions, CancellationToken)"/>
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(
        IReadOnlyList<ChatTurn> chat, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        StartAnswer(chat, options ?? new GenerationOptions(), cancellationToken).Pieces;

    /// <summary>Answers a chat in its parts: what is thought, what is said, and which tools are called.</summary>
    /// <inheritdoc cref="GenerateAsync(string, GenerationOptions, CancellationToken)"/>
    /// <exception cref="GrammarException">A tool's schema cannot be compiled; the message names tool, path and keyword.</exception>
    public IAsyncEnumerable<AnswerUpdate> AnswerAsync(
        IReadOnlyList<ChatTurn> chat, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new GenerationOptions();
        var (prompt, pieces) = StartAnswer(chat, options, cancellationToken);
        bool hasTools = options.Chat.Tools.Count > 0 && options.ToolChoice.Kind != ToolChoiceKind.None;
        return AnswerUpdate.OfAsync(pieces, () => Format.CreateParser(prompt, hasTools), cancellationToken);
    }

    /// <summary>Continues tokens.</summary>
    /// <inheritdoc cref="GenerateAsync(string, GenerationOptions, CancellationToken)"/>
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(
        ReadOnlyMemory<int> prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Start(prompt.ToArray(), options, PlainText(options), cancellationToken);

    /// <summary>Answers a chat, and gives the whole answer at its end.</summary>
    /// <inheritdoc cref="GenerateAsync(string, GenerationOptions, CancellationToken)"/>
    public Task<GenerationResult> CompleteAsync(
        IReadOnlyList<ChatTurn> chat, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        CollectAsync(GenerateAsync(chat, options, cancellationToken));

    /// <summary>Continues a text, and gives the whole continuation at its end.</summary>
    /// <inheritdoc cref="GenerateAsync(string, GenerationOptions, CancellationToken)"/>
    public Task<GenerationResult> CompleteAsync(
        string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        CollectAsync(GenerateAsync(prompt, options, cancellationToken));

    /// <summary>The tokens of a chat as the model reads it.</summary>
    public int[] Encode(IReadOnlyList<ChatTurn> chat, ChatPromptOptions? options = null) =>
        Format.Render(chat, options).Encode(Tokenizer);

    /// <summary>
    /// The chat without its oldest exchanges, as many as leave room for an answer: a question of the user goes with all that followed it,
    /// system turns and the last question stay.
    /// </summary>
    /// <param name="reserved">Tokens to leave for the answer.</param>
    /// <exception cref="ModelException">What stays is too long by itself; the message has the counts.</exception>
    public IReadOnlyList<ChatTurn> FitToContext(IReadOnlyList<ChatTurn> chat, int reserved, ChatPromptOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(chat);
        ArgumentOutOfRangeException.ThrowIfNegative(reserved);
        var turns = chat.ToList();
        while (true)
        {
            int tokens = Encode(turns, options).Length;
            if (tokens + (long)reserved <= Context) return turns;
            int first = turns.FindIndex(turn => turn.Role == TurnRole.User);
            int next = first < 0 ? -1 : turns.FindIndex(first + 1, turn => turn.Role == TurnRole.User);
            if (next < 0) throw TooLong(tokens, reserved);
            for (int i = next - 1; i >= first; i--)
                if (turns[i].Role != TurnRole.System) turns.RemoveAt(i);
        }
    }

    public void Dispose()
    {
        _draft?.Dispose();
        foreach (var item in _owned) item.Dispose();
    }

    static LanguageModel Load(string model, string path, LanguageModelOptions options)
    {
        var format = options.ChatFormat is { } name ? ChatFormat.Named(name) : null;
        var opened = LanguageModelLoading.Open(path);
        // In this order, what computes goes before what it computes with.
        var owned = new List<IDisposable>();
        try
        {
            var weights = new ModelFolder(path).OpenWeights();
            owned.Insert(0, weights);
            CausalLmFamily.RequireTensors(opened.Model, opened.Prompt.Config, weights);
            var adapters = LanguageModelAdapters.Load(weights, opened.Prompt.Config, options.Adapters);
            owned.Insert(0, adapters);
            var choice = options.Choice(weights);
            var device = new CpuDevice(LanguageModelLoading.Options(choice, options, adapters));
            owned.Insert(0, device);
            var runtime = new CpuModelRuntime(opened.Model.Parts, opened.Model.Prepare(adapters.Weights), device, options.Limits);
            owned.Insert(0, runtime);
            return new LanguageModel(model, opened, runtime.RequireDecoder(), owned)
            {
                NamedFormat = format,
                Loaded = adapters,
                Settings = ComputeSettings.Of(choice, options.Threads, MatrixUse.All(weights, MatrixUse.SavedAs(weights))),
                Conversions = weights.Conversions,
            };
        }
        catch
        {
            foreach (var item in owned) item.Dispose();
            throw;
        }
    }

    static async Task<GenerationResult> CollectAsync(IAsyncEnumerable<GeneratedPiece> pieces)
    {
        var text = new StringBuilder();
        GenerationEnd? end = null;
        await foreach (var piece in pieces.ConfigureAwait(false))
        {
            text.Append(piece.Text);
            end = piece.End;
        }
        return new GenerationResult(text.ToString(), end!);
    }

    (IReadOnlySet<int>, AnswerRules) PlainText(GenerationOptions? options) => (_textEnds, new AnswerRules { Text = options?.Grammar });

    (ChatPrompt Prompt, IAsyncEnumerable<GeneratedPiece> Pieces) StartAnswer(
        IReadOnlyList<ChatTurn> chat, GenerationOptions options, CancellationToken cancellationToken)
    {
        var rules = ToolGrammars.RulesOf(options, Format, Grammars);
        var prompt = Format.Render(chat, options.ToolChoice.Kind == ToolChoiceKind.None ? options.Chat with { Tools = [] } : options.Chat);
        rules = rules with { Thought = LanguageModelLoading.ThoughtOf(prompt, Format, options.Chat) };
        if (rules.Thought == ThoughtHabit.None) rules = rules with { MaxThoughtTokens = null };
        return (prompt, Start(prompt.Encode(Tokenizer), options, (_chatEnds.Value, rules), cancellationToken));
    }

    IAsyncEnumerable<GeneratedPiece> Start(
        int[] prompt, GenerationOptions? options, (IReadOnlySet<int> Ends, AnswerRules Rules) answer, CancellationToken cancellationToken)
    {
        options ??= new GenerationOptions();
        Require(options.MaxTokens is null or >= 1, nameof(options.MaxTokens), options.MaxTokens, "at least 1");
        Require(options.MaxReasoningTokens is null or >= 0, nameof(options.MaxReasoningTokens), options.MaxReasoningTokens, "at least 0");
        Require(options.TopLogprobs is null or >= 0 and <= MostLogprobs, nameof(options.TopLogprobs), options.TopLogprobs, "0 to 20");
        if (prompt.Length == 0) throw new ModelException("The prompt is empty; a language model continues at least one token.");
        int room = Context - prompt.Length;
        if (room < (options.MaxTokens ?? 1)) throw TooLong(prompt.Length, options.MaxTokens ?? 1);
        // What cannot be is told of at the call, and not where the text is read.
        var sampling = options.Sampling ?? DefaultSampling;
        sampling.Validate();
        _ = new StopStrings(options.StopStrings);
        _ = Loaded.Find(options.Adapter);
        int most = options.MaxTokens ?? room;
        var tokens = (answer.Ends, answer.Ends == _textEnds ? _textVocabulary : _chatVocabulary);
        AnswerGuide? Guide() => answer.Rules.IsAny ? null : new AnswerGuide(answer.Rules, Tokenizer, tokens, (room, most));
        Guide();
        return RunAsync(() => new TextRequest(prompt, options, sampling, answer.Ends, most, Guide()), cancellationToken);
    }

    // Each reading is a text of its own.
    async IAsyncEnumerable<GeneratedPiece> RunAsync(
        Func<TextRequest> request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var text = request();
        var run = new TextRun((_decoder, Loaded.Find(text.Options.Adapter)), Tokenizer, text);
        var draft = text.Options.UseDraft ? _draft?._decoder : null;
        await foreach (var piece in run.RunAsync(draft, cancellationToken).ConfigureAwait(false)) yield return piece;
    }

    static void Require(bool holds, string option, int? got, string expected)
    {
        if (!holds) throw new ArgumentException($"{option} is {got}; expected {expected}.");
    }

    ModelException TooLong(int tokens, int wanted) => new(
        $"The prompt has {tokens:N0} tokens and {wanted:N0} are to follow; the context of '{Model}' has room for {Context:N0} together. " +
        "Shorten the prompt or the chat, or ask for fewer tokens.");
}
