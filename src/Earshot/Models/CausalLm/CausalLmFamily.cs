using Earshot.Checkpoints;
using Earshot.Checkpoints.Gguf;
using Earshot.Compute;
using Earshot.Compute.Measuring;
using Earshot.Compute.Parts;
using Earshot.Tokenizers;

namespace Earshot.Models;

/// <summary>Decoder-only language models: Llama 2 and 3, SmolLM2, Qwen2, Qwen2.5 and Qwen3 (dense).</summary>
public sealed class CausalLmFamily : ModelFamily
{
    static readonly string[] s_tokenizerFiles = ["tokenizer.json", "vocab.json", "tokenizer.model"];

    public override IReadOnlyList<string> ModelTypes { get; } = CausalLmConfig.Types;

    public override IReadOnlyDictionary<string, Func<SpeechModel>> Shapes => CausalLmShapes.All;

    public override SpeechModel Open(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var config = CausalLmSettings.Load(folder);
        var tokenizer = s_tokenizerFiles.Any(name => File.Exists(Path.Combine(folder.Path, name))) ? TextTokenizer.Load(folder.Path) : null;
        RequireFit(tokenizer, config, folder.Path);
        return Describe(config, CausalLmGeneration.Load(folder, config.VocabSize), folder.Name) with { Tokenizer = tokenizer };
    }

    /// <summary>A model of some sizes, without a folder: it has no tokenizer.</summary>
    public static SpeechModel Describe(CausalLmConfig config, CausalLmGeneration generation, string name)
    {
        ArgumentNullException.ThrowIfNull(config);
        return new SpeechModel
        {
            Info = new ModelInfo
            {
                Name = name,
                Type = config.ModelType,
                Sizes =
                [
                    ("width", config.HiddenSize), ("layers", config.NumHiddenLayers), ("heads", config.NumAttentionHeads),
                    ("key heads", config.NumKeyValueHeads), ("head size", config.HeadDim), ("feed-forward", config.IntermediateSize),
                    ("vocabulary", config.VocabSize), ("context", config.MaxPositionEmbeddings),
                ],
            },
            Parts = new ModelParts { Decoder = new CausalLmDecoder(config), IsUnused = name => IsUnused(config, name) },
            Prompt = new CausalLmPrompt(config, generation),
        };
    }

    /// <summary>Reads a GGUF file, and no weight but its rotary factors.</summary>
    /// <exception cref="CheckpointException">It is damaged, or asks for what is not implemented.</exception>
    /// <exception cref="ModelException">It holds no language model of a kind that is known.</exception>
    public static SpeechModel OpenGguf(string path)
    {
        using var checkpoint = GgufCheckpoint.Open(path);
        var config = CausalLmMetadata.Read(checkpoint);
        var tokenizer = TextTokenizer.LoadGguf(checkpoint.Parts[0].Location);
        RequireFit(tokenizer, config, path);
        int[] ends = [.. CausalLmMetadata.EndTokens(checkpoint.Metadata, config.VocabSize)];
        return Describe(config, new CausalLmGeneration { EndTokens = ends }, Path.GetFileNameWithoutExtension(path)) with
        {
            Tokenizer = tokenizer,
        };
    }

    /// <summary>Sees that every tensor is there in its shape, and that none is there which the model would not read.</summary>
    /// <exception cref="CheckpointException">One is missing, has another shape, or would be ignored.</exception>
    internal static void RequireTensors(SpeechModel model, CausalLmConfig config, ITensorStore weights)
    {
        var costs = new ModelCosts(model.Parts, weights);
        costs.Stages();
        var read = costs.Parameters.Select(parameter => parameter.Name).ToHashSet(StringComparer.Ordinal);
        if (weights.Names.FirstOrDefault(name => !read.Contains(name) && !IsUnused(config, name) && !IsPartOf(name, read)) is { } ignored)
        {
            throw new CheckpointException(
                $"{weights.Location}: there is a tensor '{ignored}', which a model of type '{config.ModelType}' with these settings does " +
                "not have: its results would be others than its makers'. The checkpoint is of another kind than it says, or damaged.");
        }
        // Biases are optional to the parts; where the kind has them, one that is missing is a damaged file.
        for (int i = 0; config.QueryBias && i < config.NumHiddenLayers; i++)
        {
            foreach (var matrix in (ReadOnlySpan<string>)["q_proj", "k_proj", "v_proj"])
            {
                if (!read.Contains($"model.layers.{i}.self_attn.{matrix}.bias"))
                    throw new CheckpointException(
                        $"{weights.Location}: tensor 'model.layers.{i}.self_attn.{matrix}.bias' is missing. Download the model again.");
            }
        }
    }

    // Codes and scales of a quantised matrix, which is read under its own name.
    static bool IsPartOf(string name, HashSet<string> read) =>
        name.LastIndexOf('.') is var dot and > 0 && read.Contains(name[..dot]);

    static bool IsUnused(CausalLmConfig config, string name) =>
        config.TieWordEmbeddings && name.StartsWith("lm_head.", StringComparison.Ordinal)
        || name == GgufLanguageTensors.RotaryFactors
        || name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal);

    /// <exception cref="CheckpointException">The tokenizer is another model's.</exception>
    static void RequireFit(TextTokenizer? tokenizer, CausalLmConfig config, string path)
    {
        if (tokenizer is not null && tokenizer.VocabSize > config.VocabSize)
            throw new CheckpointException(
                $"The tokenizer in '{path}' has {tokenizer.VocabSize} tokens, the model beside it only {config.VocabSize}. " +
                "The files belong to different models: download all of them again.");
    }
}
