using System.CommandLine;
using Earshot.Cli.Commands;
using Earshot.Cli.Models;
using Earshot.Decoding;
using Earshot.Decoding.Ngrams;
using Earshot.Recognition;
using Earshot.Tokenizers;
using Earshot.Transcription;

namespace Earshot.Cli.Options;

/// <summary>How to transcribe: the options that become <see cref="TranscriptionOptions"/>.</summary>
internal sealed class DecodingOptionSet
{
    /// <summary>The group of options that say what times are told.</summary>
    public const string TimesTitle = "Times";

    // Of models that write token by token.
    const int MostBeams = 64;

    readonly Option<string?> _language = new("--language", "-l")
    {
        Description = "The language spoken, by code (de) or English name (german); detected where not given.",
        HelpName = "LANGUAGE",
        Arity = ArgumentArity.ExactlyOne,
    };

    readonly Option<string?> _task = OptionKinds.Choice(
        "--task", "Write down what is said, or its English translation (default transcribe).", "transcribe", "translate");
    readonly Option<bool> _eachWindow = OptionKinds.Flag(
        "--multilingual", "Detect the language of each window anew, for recordings in several languages.");
    readonly Option<string?> _initialPrompt = OptionKinds.Text(
        "--initial-prompt", "TEXT", "Text as if said before the recording: names, spelling, style.");
    readonly Option<bool> _carryPrompt = OptionKinds.Flag(
        "--carry-initial-prompt", "Give the initial prompt to every window, not the first alone.");
    readonly Option<string?> _hotwords = OptionKinds.Text(
        "--hotwords", "TEXT", "Words to expect: given to every window as text; with a CTC model each gains --hotword-boost.");
    readonly Option<string?> _prefix = OptionKinds.Text("--prefix", "TEXT", "Text that the transcript begins with.");
    readonly Option<bool> _noCondition = OptionKinds.Flag(
        "--no-condition-on-previous", "Let each window know nothing of the text before it: fewer loops, less consistent names.");

    readonly Option<int?> _beamSize = OptionKinds.Whole(
        "--beam-size",
        "Hypotheses kept at temperature 0; 1 is greedy and fastest " +
        "(default 5; transducers: 1; CTC models: 1, with --lm or --hotwords 100).",
        1, 1024);
    readonly Option<string?> _draft = OptionKinds.Text(
        "--draft", "MODEL", "A smaller model that guesses ahead in greedy decoding: the same words, sooner. Turns --beam-size 1 on.");
    readonly Option<bool> _shortWindows = OptionKinds.Flag(
        "--short-windows", "Encode a window only as far as it holds audio: faster for short recordings, and slightly different words.");
    readonly Option<TimeSpan?> _chunkLength = OptionKinds.Seconds(
        "--chunk-length",
        "What a Conformer hears at once at most; text comes when it was heard (default: as much as memory allows, up to two hours).");
    readonly Option<int?> _bestOf = OptionKinds.Whole(
        "--best-of", "Samples drawn at temperatures above 0, of which the likeliest is kept (default 5).", 1, 64);
    readonly Option<double?> _patience = OptionKinds.Number(
        "--patience", "Beam search ends with beam size × patience finished hypotheses (default 1).", 0.1, 16);
    readonly Option<double?> _lengthPenalty = OptionKinds.Number(
        "--length-penalty", "Exponent of the length by which hypotheses are compared (default: plain division by the length).", 0, 1);
    readonly Option<double?> _repetitionPenalty = OptionKinds.Number(
        "--repetition-penalty", "Above 1, tokens already written are less likely (default 1).", 0.1, 10);
    readonly Option<int?> _noRepeatNgram = OptionKinds.Whole(
        "--no-repeat-ngram", "No run of this many tokens appears twice in a window (default 0: may).", 0, 64);
    readonly Option<float[]?> _temperatures = OptionKinds.Numbers(
        "--temperature", "Temperatures to try in order until a window's text will do (default 0,0.2,0.4,0.6,0.8,1).", 0, 10);
    readonly Option<Threshold?> _compressionRatio = OptionKinds.Threshold(
        "--compression-ratio-threshold", "Text that compresses better loops, and is tried again (default 2.4).", 0);
    readonly Option<Threshold?> _logprob = OptionKinds.Threshold(
        "--logprob-threshold", "Text less likely a token is tried again (default -1).", most: 0);
    readonly Option<Threshold?> _noSpeech = OptionKinds.Threshold(
        "--no-speech-threshold", "A window with this probability of silence, and unlikely text, is silent (default 0.6).", 0, 1);
    readonly Option<Threshold?> _entropy = OptionKinds.Threshold(
        "--entropy-threshold",
        "Text whose last tokens have less entropy loops, and is tried again (default none; whisper.cpp has 2.4).", 0);
    readonly Option<int?> _maxNewTokens = OptionKinds.Whole("--max-new-tokens", "Most tokens of a window (default 224).", 1, 100_000);
    readonly Option<int?> _seed = OptionKinds.Whole(
        "--seed", "What draws at temperatures above 0 depend on; the same seed gives the same text (default 0).", 0);

    readonly Option<string?> _textRules = OptionKinds.Text(
        "--text-rules", "RULE,...",
        "Write the text by its language's rules: auto (spacing and punctuation), spacing, punctuation, marks (leave out vowel and " +
        "direction marks), digits=ascii|native, casing=lower|upper|sentence (default none: as the model wrote it).");
    readonly Option<string?> _lm = OptionKinds.Text(
        "--lm", "FILE", "A language model of words in ARPA format (.arpa or .arpa.gz) for a CTC model's search.");
    readonly Option<double?> _lmWeight = OptionKinds.Number(
        "--lm-weight", "What the language model's log-probability is multiplied by (default 0.5).", 0, 100);
    readonly Option<double?> _wordScore = OptionKinds.Number(
        "--word-score", "What each word gains beside the language model (default 1.5).", -100, 100);
    readonly Option<double?> _hotwordBoost = OptionKinds.Number(
        "--hotword-boost", "What a word of --hotwords gains; above 10, short ones appear where nobody said them (default 5).", 0, 100);

    readonly Option<bool> _withoutTimestamps = OptionKinds.Flag("--without-timestamps", "Decode text alone; a window is then one segment.");
    readonly Option<bool> _wordTimestamps = OptionKinds.Flag("--word-timestamps", "Find out when each word is said.");
    readonly Option<TimeSpan?> _hallucinationSilence = OptionKinds.Seconds(
        "--hallucination-silence", "Skip silence longer than this around words that look made up; turns word timestamps on.");

    NgramModel? _languageModel;

    public IReadOnlyList<OptionGroup> Groups =>
    [
        new("Speech", [_language, _task, _eachWindow, _initialPrompt, _carryPrompt, _hotwords, _prefix, _noCondition]),
        new("Text", [_textRules]),
        new(TimesTitle, [_wordTimestamps, _withoutTimestamps, _hallucinationSilence]),
        new("Decoding",
        [
            _beamSize, _draft, _bestOf, _patience, _lengthPenalty, _repetitionPenalty, _noRepeatNgram, _temperatures,
            _compressionRatio, _logprob, _noSpeech, _entropy, _maxNewTokens, _shortWindows, _chunkLength, _seed,
        ]),
        new("Search of CTC models (wav2vec2, HuBERT, MMS)", [_lm, _lmWeight, _wordScore, _hotwordBoost]),
    ];

    /// <summary>The options given, over the library's defaults.</summary>
    /// <exception cref="UsageException">An unknown language, or options that exclude each other.</exception>
    public TranscriptionOptions Of(ParseResult parsed)
    {
        var defaults = new TranscriptionOptions();
        return Searched(parsed, defaults with
        {
            Language = LanguageOf(parsed),
            Task = parsed.GetValue(_task) == "translate" ? SpeechTask.Translate : SpeechTask.Transcribe,
            DetectLanguageEachWindow = parsed.GetValue(_eachWindow),
            InitialPrompt = parsed.GetValue(_initialPrompt),
            CarryInitialPrompt = parsed.GetValue(_carryPrompt),
            Prefix = parsed.GetValue(_prefix),
            ConditionOnPreviousText = !parsed.GetValue(_noCondition),
            WordTimestamps = parsed.GetValue(_wordTimestamps) || parsed.GetValue(_hallucinationSilence) is not null,
            HallucinationSilenceThreshold = parsed.GetValue(_hallucinationSilence),
            TextRules = TextRulesOf(parsed),
            CtcSearch = SearchOf(parsed),
            ChunkLength = parsed.GetValue(_chunkLength),
            TransducerBeamSize = Math.Clamp(parsed.GetValue(_beamSize) ?? 1, 1, MostBeams),
        });
    }

    /// <summary>Refuses options that mean nothing to a model, and tells of hotwords that it cannot write.</summary>
    /// <exception cref="UsageException">One was given; the message says why it has no effect.</exception>
    public void CheckFor(ParseResult parsed, Recognizer recognizer, Terminal terminal)
    {
        if (!recognizer.HearsLong) Refuse(parsed, recognizer, [_chunkLength], "it hears windows of one length");
        if (recognizer is not CtcRecognizer ctc)
        {
            if (parsed.GetValue(_beamSize) is > MostBeams and var beams)
                throw new UsageException($"--beam-size is {beams}; expected at most {MostBeams}, of any but a CTC model.");
            Refuse(parsed, recognizer, [_lm, _lmWeight, _wordScore, _hotwordBoost], "only the search of CTC models takes it");
            if (recognizer is TransducerRecognizer)
            {
                Refuse(parsed, recognizer, [_prefix, _hotwords], "it is prompted with what was said before alone");
                Refuse(
                    parsed, recognizer,
                    [
                        _bestOf, _patience, _lengthPenalty, _repetitionPenalty, _noRepeatNgram, _temperatures, _compressionRatio, _logprob,
                        _noSpeech, _entropy, _maxNewTokens, _seed,
                    ],
                    "it hears tokens where they are said, and draws, repeats and tries nothing again");
                RefuseWhatPositionsTell(parsed, recognizer);
            }
            return;
        }
        Refuse(parsed, recognizer, [_initialPrompt, _carryPrompt, _prefix, _noCondition], "it is not prompted with text");
        Refuse(
            parsed, recognizer,
            [
                _bestOf, _patience, _lengthPenalty, _repetitionPenalty, _noRepeatNgram, _temperatures, _compressionRatio, _logprob,
                _noSpeech, _entropy, _maxNewTokens, _seed,
            ],
            "it hears a letter at each position, and draws, repeats and tries nothing again");
        RefuseWhatPositionsTell(parsed, recognizer);
        if (parsed.GetValue(_hotwords) is { } hotwords && ctc.UnusableHotwords(hotwords) is { Count: > 0 } words)
            terminal.Warn($"these hotwords cannot be written with the model's letters, or are too short: {string.Join(", ", words)}.");
        if (LanguageModelOf(parsed) is { } lm && ctc.UsableShareOf(lm) is > 0 and < 0.5 and var share)
            terminal.Warn($"only {share:0 %} of the words of '{lm.Location}' can be written with the model's letters.");
    }

    void RefuseWhatPositionsTell(ParseResult parsed, Recognizer recognizer)
    {
        Refuse(parsed, recognizer, [_shortWindows], "it encodes no more than there is anyway");
        Refuse(parsed, recognizer, [_withoutTimestamps], "its positions are its times");
        Refuse(parsed, recognizer, [_eachWindow], "it cannot tell languages apart");
    }

    static void Refuse(ParseResult parsed, Recognizer recognizer, Option[] options, string reason)
    {
        string[] given = [.. options.Where(option => parsed.GetResult(option) is { Implicit: false }).Select(option => option.Name)];
        if (given.Length > 0)
        {
            throw new UsageException(
                $"{string.Join(" and ", given)} means nothing to '{recognizer.Model.Info.Name}': {reason}. Leave it out.");
        }
    }

    CtcSearchOptions? SearchOf(ParseResult parsed)
    {
        Option[] ofModel = [_lmWeight, _wordScore];
        if (parsed.GetValue(_lm) is null && ofModel.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is { } alone)
            throw new UsageException($"{alone.Name} needs --lm.");
        if (parsed.GetValue(_hotwords) is null && parsed.GetValue(_hotwordBoost) is not null)
            throw new UsageException("--hotword-boost needs --hotwords.");
        bool searches = parsed.GetValue(_lm) is not null || parsed.GetValue(_hotwords) is not null || parsed.GetValue(_beamSize) > 1;
        if (!searches) return null;
        var defaults = new CtcSearchOptions();
        return defaults with
        {
            BeamSize = parsed.GetValue(_beamSize) ?? defaults.BeamSize,
            LanguageModel = LanguageModelOf(parsed),
            LanguageModelWeight = (float?)parsed.GetValue(_lmWeight) ?? defaults.LanguageModelWeight,
            WordScore = (float?)parsed.GetValue(_wordScore) ?? defaults.WordScore,
            HotwordBoost = (float?)parsed.GetValue(_hotwordBoost) ?? defaults.HotwordBoost,
        };
    }

    NgramModel? LanguageModelOf(ParseResult parsed) =>
        parsed.GetValue(_lm) is { } path ? _languageModel ??= NgramModel.Load(path) : null;

    /// <summary>The loading options with the draft model, where one is given.</summary>
    /// <exception cref="UsageException">The device cannot use one.</exception>
    public LoadOptions WithDraft(ParseResult parsed, LoadOptions options)
    {
        if (parsed.GetValue(_draft) is not { } draft) return options;
        options = options with { Cpu = options.Cpu with { Draft = draft } };
        return options is { Onnx: not null, WhyNotOnnx: { } reason } ? throw new UsageException(reason) : options;
    }

    int BeamSizeOf(ParseResult parsed, int otherwise)
    {
        int? given = parsed.GetValue(_beamSize);
        if (parsed.GetValue(_draft) is null) return Math.Min(MostBeams, given ?? otherwise);
        return given is > 1 ? throw new UsageException($"--draft needs greedy decoding; --beam-size {given} excludes it.") : 1;
    }

    TranscriptionOptions Searched(ParseResult parsed, TranscriptionOptions options) => options with
    {
        Decoding = DecodingOf(parsed, options.Decoding),
        Fallback = FallbackOf(parsed, options.Fallback),
        ShortWindows = parsed.GetValue(_shortWindows),
    };

    DecodingOptions DecodingOf(ParseResult parsed, DecodingOptions options) => options with
    {
        Hotwords = parsed.GetValue(_hotwords),
        WithoutTimestamps = parsed.GetValue(_withoutTimestamps) ? true : null,
        BeamSize = BeamSizeOf(parsed, options.BeamSize),
        BestOf = parsed.GetValue(_bestOf) ?? options.BestOf,
        Patience = (float?)parsed.GetValue(_patience) ?? options.Patience,
        LengthPenalty = (float?)parsed.GetValue(_lengthPenalty),
        RepetitionPenalty = (float?)parsed.GetValue(_repetitionPenalty) ?? options.RepetitionPenalty,
        NoRepeatNgramSize = parsed.GetValue(_noRepeatNgram) ?? options.NoRepeatNgramSize,
        MaxNewTokens = parsed.GetValue(_maxNewTokens),
        Seed = (ulong)(parsed.GetValue(_seed) ?? 0),
    };

    TemperatureFallback FallbackOf(ParseResult parsed, TemperatureFallback fallback) => fallback with
    {
        Temperatures = parsed.GetValue(_temperatures) is { Length: > 0 } temperatures ? temperatures : fallback.Temperatures,
        CompressionRatioThreshold = Limit(parsed, _compressionRatio, fallback.CompressionRatioThreshold),
        LogprobThreshold = Limit(parsed, _logprob, fallback.LogprobThreshold),
        NoSpeechThreshold = Limit(parsed, _noSpeech, fallback.NoSpeechThreshold),
        EntropyThreshold = Limit(parsed, _entropy, fallback.EntropyThreshold),
    };

    string? LanguageOf(ParseResult parsed)
    {
        var language = parsed.GetValue(_language);
        if (language is null || language.Equals("auto", StringComparison.OrdinalIgnoreCase)) return null;
        try
        {
            return WhisperLanguages.Parse(language);
        }
        catch (ModelException) when (IsLongCode(language))
        {
            // Some models know more languages than there are codes of two letters; they check it themselves.
            return language.ToLowerInvariant();
        }
        catch (ModelException e)
        {
            throw new UsageException(e.Message);
        }
    }

    TextRules? TextRulesOf(ParseResult parsed)
    {
        try
        {
            return parsed.GetValue(_textRules) is { } names ? TextRules.Parse(names) : null;
        }
        catch (FormatException e)
        {
            throw new UsageException($"--text-rules: {e.Message}");
        }
    }

    // ISO 639-3, and a script or dialect: deu, urd-script_arabic.
    static bool IsLongCode(string language) =>
        language.Split('-')[0] is { Length: 3 } code && code.All(char.IsAsciiLetter)
        && language.All(c => char.IsAsciiLetter(c) || c is '-' or '_');

    static float? Limit(ParseResult parsed, Option<Threshold?> option, float? otherwise) =>
        parsed.GetValue(option) is { } given ? given.Value : otherwise;
}
