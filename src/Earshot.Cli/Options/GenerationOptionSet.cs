using System.CommandLine;
using Earshot.Chat;
using Earshot.Cli.Commands;
using Earshot.Cli.Models;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Decoding.Grammars;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.TextGeneration;
using Earshot.Transcription;

namespace Earshot.Cli.Options;

/// <summary>Which language model writes, how its tokens are chosen, and where the text ends.</summary>
internal sealed class GenerationOptionSet
{
    readonly Argument<string> _model = new("model")
    {
        HelpName = "MODEL",
        Description = "A language model: a folder with safetensors, a GGUF file, or a name on the hub (owner/repo, owner/repo:Q4_K_M).",
    };

    readonly Option<int?> _maxTokens = OptionKinds.Whole("--max-tokens", "The most tokens of an answer.", 1);
    readonly Option<double?> _temperature = OptionKinds.Number(
        "--temperature", "0 takes the likeliest token, more draws (default: what the model's makers recommend, else 0).", 0, 10);
    readonly Option<int?> _topK = OptionKinds.Whole("--top-k", "Draw among so many of the likeliest tokens; 0 for all.", 0);
    readonly Option<double?> _topP = OptionKinds.Number(
        "--top-p", "Draw among the likeliest tokens that have this probability together.", 0.0001, 1);
    readonly Option<double?> _minP = OptionKinds.Number(
        "--min-p", "Draw among tokens with at least this part of the likeliest one's probability.", 0, 1);
    readonly Option<double?> _repetitionPenalty = OptionKinds.Number(
        "--repetition-penalty", "Above 1, tokens that came before are less likely.", 0.1, 10);
    readonly Option<int?> _seed = OptionKinds.Whole(
        "--seed", "The same seed gives the same text (default: another each time; -v tells it).", 0);
    readonly Option<string[]> _stop = new("--stop")
    {
        Description = "A text that ends the answer and is not shown; may be given several times.",
        HelpName = "TEXT",
        Arity = ArgumentArity.OneOrMore,
    };

    readonly Option<string?> _schema = OptionKinds.Text(
        "--json-schema", "FILE|JSON", "The answer is JSON of this schema: a file, or the schema itself where it begins with '{'.");
    readonly Option<string?> _regex = OptionKinds.Text("--regex", "PATTERN", "The answer is a text that this whole expression matches.");
    readonly Option<string[]> _choice = new("--choice")
    {
        Description = "The answer is one of the texts that are given so; may be given several times.",
        HelpName = "TEXT",
        Arity = ArgumentArity.OneOrMore,
    };

    readonly Option<string?> _draft = OptionKinds.Text(
        "--draft", "MODEL", "A smaller model of the same family that guesses tokens: the same text, sooner where it guesses well.");
    readonly Option<int?> _threads = OptionKinds.Whole("--threads", "Threads that compute (default: one a core).", 1, 1024);
    readonly Option<string?> _weights = OptionKinds.Text("--weights", "FORMAT[,TEXT=FORMAT]...",
        $"What to compute weights in: saved (default), {WeightFormat.NamesOf(CpuDevice.Formats)}; then exceptions by a part of the " +
        "matrix's name, as in 'int8,lm_head=f32'.");
    readonly Option<string?> _isa = OptionKinds.Choice(
        "--isa", "The most to use of the processor's instructions (default: all it has, or EARSHOT_ISA).", [.. InstructionSets.Names.Keys]);
    readonly Option<string?> _device = OptionKinds.Text(
        "--device", "DEVICE,...",
        "Where to compute: cpu is Earshot itself (default); onnx-cpu, cuda and others are ONNX Runtime's. " +
        "A folder is exported for it once.");
    readonly Option<string[]> _adapters = new("--adapter")
    {
        Description = "A LoRA adapter's folder, as PEFT saves it: merged into weights that are plain numbers, computed beside quantised " +
            "ones. May be given several times, of which all are merged.",
        HelpName = "DIR",
        Arity = ArgumentArity.OneOrMore,
    };

    readonly Option<string?> _chatFormat = OptionKinds.Text(
        "--chat-format", "NAME",
        $"How chats are written down (default: by the model's own template): {string.Join(", ", ChatFormat.Names)}.");

    public Argument<string> Model => _model;

    public OptionGroup Generation => new(
        "Generation", [_maxTokens, _temperature, _topK, _topP, _minP, _repetitionPenalty, _seed, _stop]);

    /// <summary>What the answer is held to.</summary>
    public OptionGroup Form => new("Form of the answer", [_schema, _regex, _choice]);

    public OptionGroup Loading(bool chats)
    {
        Option[] options = [_adapters, _draft, _device, _threads, _weights, _isa];
        return new OptionGroup("Model", chats ? [.. options, _chatFormat] : options);
    }

    public int? MaxTokensOf(ParseResult parsed) => parsed.GetValue(_maxTokens);

    /// <summary>Sampling as the model's makers recommend it, but for what is given.</summary>
    public GenerationOptions Of(ParseResult parsed, LanguageModel model)
    {
        var recommended = model.DefaultSampling;
        float Or(Option<double?> option, float otherwise) => (float?)parsed.GetValue(option) ?? otherwise;
        return new GenerationOptions
        {
            MaxTokens = MaxTokensOf(parsed),
            StopStrings = parsed.GetValue(_stop) ?? [],
            Grammar = GrammarOf(parsed),
            Sampling = recommended with
            {
                Temperature = Or(_temperature, recommended.Temperature),
                TopK = parsed.GetValue(_topK) ?? recommended.TopK,
                TopP = Or(_topP, recommended.TopP),
                MinP = Or(_minP, recommended.MinP),
                RepetitionPenalty = Or(_repetitionPenalty, recommended.RepetitionPenalty),
                Seed = (ulong?)parsed.GetValue(_seed),
            },
        };
    }

    /// <exception cref="UsageException">A format is none.</exception>
    public LanguageModelOptions LoadingOf(ParseResult parsed)
    {
        var wish = WishOf(parsed.GetValue(_weights));
        return new LanguageModelOptions
        {
            Adapters = [.. (parsed.GetValue(_adapters) ?? []).Select(folder => new AdapterOptions(folder))],
            Threads = parsed.GetValue(_threads),
            Weights = wish.Format,
            WeightsFor = wish.Exceptions.Count == 0 ? null : wish.For,
            InstructionSet = parsed.GetValue(_isa) is { } isa ? InstructionSets.Names[isa] : null,
            ChatFormat = parsed.GetValue(_chatFormat),
            Draft = parsed.GetValue(_draft),
        };
    }

    /// <summary>What the answer is held to; null for nothing. Told of before a model is loaded.</summary>
    /// <exception cref="UsageException">There are several, or one that no grammar can be made of.</exception>
    public Grammar? GrammarOf(ParseResult parsed)
    {
        var (schema, regex, choices) = (parsed.GetValue(_schema), parsed.GetValue(_regex), parsed.GetValue(_choice) ?? []);
        if ((schema is null ? 0 : 1) + (regex is null ? 0 : 1) + (choices.Length == 0 ? 0 : 1) > 1)
            throw new UsageException("--json-schema, --regex and --choice each say what the whole answer is; give one of them.");
        try
        {
            if (schema is not null) return Grammar.FromJsonSchema(SchemaOf(schema));
            if (regex is not null) return Grammar.FromRegex(regex);
            return choices.Length > 0 ? Grammar.FromChoices(choices) : null;
        }
        catch (GrammarException e)
        {
            throw new UsageException($"{(schema is not null ? "--json-schema" : regex is not null ? "--regex" : "--choice")}: {e.Message}");
        }
    }

    static string SchemaOf(string given)
    {
        if (given.AsSpan().TrimStart().StartsWith("{", StringComparison.Ordinal)) return given;
        try
        {
            return File.ReadAllText(given);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"--json-schema: cannot read '{given}': {e.Message}");
        }
    }

    /// <summary>How ONNX Runtime is to run it; null for Earshot's own kernels.</summary>
    /// <exception cref="UsageException">A device or a format is none.</exception>
    public LoadOptions? OnnxOf(ParseResult parsed)
    {
        try
        {
            if (parsed.GetValue(_device) is not { } text || OnnxDevice.Parse(text) is not { } device) return null;
            var loading = LoadingOf(parsed);
            return new LoadOptions
            {
                Onnx = device,
                Precision = loading is { Weights: { } format, WeightsFor: null } ? GraphPrecisions.Of(format) : null,
                Cpu = new TranscriberOptions
                {
                    Threads = loading.Threads,
                    Weights = loading.Weights,
                    WeightsFor = loading.WeightsFor,
                    InstructionSet = loading.InstructionSet,
                },
            };
        }
        catch (OnnxRuntimeException e)
        {
            throw new UsageException($"--device: {e.Message}");
        }
    }

    /// <summary>What <c>--weights</c> says of a language model's.</summary>
    /// <exception cref="UsageException">A format is none.</exception>
    public static WeightWish WishOf(string? text)
    {
        if (text is null) return new WeightWish();
        try
        {
            var wish = WeightWish.Parse(text);
            return wish.Priority == WeightPriority.AsSaved
                ? wish
                : throw new FormatException("'fast' is for models that hear; language models have saved, or a format.");
        }
        catch (FormatException e)
        {
            throw new UsageException($"--weights: {e.Message}");
        }
    }
}
