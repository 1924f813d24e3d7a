using Earshot.Compute.Parts;
using Earshot.Models;
using Earshot.Recognition;
using Earshot.Tests.Models;

namespace Earshot.Checkpoints;

public sealed class WhisperConfigTests : IDisposable
{
    const string Minimal = """
        "model_type": "whisper", "d_model": 384, "encoder_layers": 4, "encoder_attention_heads": 6, "encoder_ffn_dim": 1536,
        "decoder_layers": 4, "decoder_attention_heads": 6, "decoder_ffn_dim": 1536, "vocab_size": 51865
        """;

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Values_that_the_file_leaves_out_are_whispers_own()
    {
        _folder.Write("config.json", $"{{{Minimal}}}");
        var config = WhisperConfig.Load(_folder.Path);
        Assert.Equal(80, config.NumMelBins);
        Assert.Equal(1500, config.MaxSourcePositions);
        Assert.Equal(448, config.MaxTargetPositions);
        Assert.True(config.TieWordEmbeddings);
        Assert.True(config.IsMultilingual);
        var generation = WhisperGenerationConfig.Load(_folder.Path, config);
        Assert.Null(generation.SuppressTokens);
        Assert.Equal(50, generation.MaxInitialTimestampIndex);
        Assert.Null(generation.IsMultilingual);
        Assert.Equal(480000, PreprocessorConfig.Load(new ModelFolder(_folder.Path), 80, 3000).SamplesPerChunk);
    }

    [Theory]
    [InlineData("d_model", "384", "\"384\"", "'d_model' should be an integer from 1 to 65536; got \"384\"")]
    [InlineData("d_model", "384", "0", "got 0")]
    [InlineData("d_model", "384", "1e9", "got 1e9")]
    [InlineData("encoder_layers", "4", "-4", "'encoder_layers' should be")]
    [InlineData("encoder_attention_heads", "6", "7", "a divisor of 'd_model', which is 384; got 7")]
    [InlineData("vocab_size", "51865", "null", "'vocab_size' should be an integer from 1 to 4194304; got nothing")]
    public void A_value_that_cannot_be_is_refused_with_file_key_expected_and_got(string key, string value, string bad, string reason)
    {
        var path = _folder.Write(
            "config.json", $"{{{Minimal.Replace($"\"{key}\": {value}", $"\"{key}\": {bad}", StringComparison.Ordinal)}}}");
        var error = Assert.Throws<CheckpointException>(() => WhisperConfig.Load(_folder.Path));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named_with_what_it_is_for()
    {
        var error = Assert.Throws<CheckpointException>(() => WhisperFolder.Open(_folder.Path));
        Assert.Contains("config.json', the file that tells the model's kind", error.Message, StringComparison.Ordinal);
        _folder.Write("config.json", $"{{{Minimal}}}");
        Assert.Contains(
            "has no tokenizer", Assert.Throws<CheckpointException>(() => ModelFamilies.Open(_folder.Path).RequireTokenizer()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Another_architecture_is_refused_with_what_is_supported()
    {
        _folder.Write("config.json", """{"model_type": "bert"}""");
        var error = Assert.Throws<ModelException>(() => ModelFamilies.Open(_folder.Path));
        Assert.Contains("'bert'; supported: ", error.Message, StringComparison.Ordinal);
        _folder.Write("config.json", "{}");
        Assert.Throws<CheckpointException>(() => ModelFamilies.Open(_folder.Path));
    }

    [Theory]
    [InlineData("""{"alignment_heads": [[4, 0]]}""", "alignment_heads")]
    [InlineData("""{"alignment_heads": [[0]]}""", "pairs of a layer and a head")]
    [InlineData("""{"alignment_heads": 3}""", "an array")]
    [InlineData("""{"suppress_tokens": [51865]}""", "suppress_tokens")]
    [InlineData("""{"lang_to_id": {"<|en|>": -1}}""", "lang_to_id")]
    [InlineData("""{"is_multilingual": "yes"}""", "true or false")]
    [InlineData("""{"forced_decoder_ids": [[1]]}""", "pairs of a position and a token")]
    public void Decoding_rules_that_the_model_cannot_follow_are_refused(string json, string reason)
    {
        _folder.Write("config.json", $"{{{Minimal}}}");
        _folder.Write("generation_config.json", json);
        var config = WhisperConfig.Load(_folder.Path);
        Assert.Contains(
            reason, Assert.Throws<CheckpointException>(() => WhisperGenerationConfig.Load(_folder.Path, config)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(448, 224)]
    [InlineData(225, 224)]
    [InlineData(101, 100)]
    [InlineData(1, 1)]
    public void A_configured_length_limits_what_is_written(int maxLength, int expected)
    {
        _folder.Write("config.json", $"{{{Minimal}}}");
        _folder.Write("generation_config.json", $$"""{"max_length": {{maxLength}}}""");
        Assert.Equal(expected, WhisperGenerationConfig.Load(_folder.Path, WhisperConfig.Load(_folder.Path)).MostNewTokens(448));
    }

    [Fact]
    public void The_latest_first_timestamp_is_the_callers_or_the_configured_one()
    {
        _folder.Write("config.json", $"{{{Minimal}}}");
        _folder.Write("generation_config.json", """{"max_initial_timestamp_index": 10}""");
        var generation = WhisperGenerationConfig.Load(_folder.Path, WhisperConfig.Load(_folder.Path));
        Assert.Equal(10, TimestampRules.IndexOf(null, generation));
        Assert.Equal(50, TimestampRules.IndexOf(TimeSpan.FromSeconds(1), generation));
        Assert.Null(TimestampRules.IndexOf(Timeout.InfiniteTimeSpan, generation));
    }

    [Fact]
    public void Reads_all_decoding_rules()
    {
        _folder.Write("config.json", $"{{{Minimal}}}");
        _folder.Write("generation_config.json", """
            {"alignment_heads": [[2, 1]], "forced_decoder_ids": [[1, null], [2, 50359]], "eos_token_id": [50257, 50256],
             "suppress_tokens": [-1], "lang_to_id": {"<|en|>": 50259}, "task_to_id": {"transcribe": 50359, "translate": 50358},
             "max_length": 9999}
            """);
        var generation = WhisperGenerationConfig.Load(_folder.Path, WhisperConfig.Load(_folder.Path));
        Assert.Equal([new AlignmentHead(2, 1)], generation.AlignmentHeads);
        Assert.Equal([new ForcedDecoderId(1, null), new ForcedDecoderId(2, 50359)], generation.ForcedDecoderIds);
        Assert.Equal(50257, generation.EosTokenId);
        Assert.Null(generation.SuppressTokens);
        Assert.Equal(50358, generation.TaskToId!["translate"]);
        Assert.Equal(448, generation.MaxLength);
    }

    [Fact]
    public void Features_that_do_not_fit_the_model_are_refused()
    {
        _folder.Write("config.json", $"{{{Minimal}}}");
        _folder.Write("preprocessor_config.json", """{"feature_size": 128}""");
        var error = Assert.Throws<CheckpointException>(() => ModelFamilies.Open(_folder.Path));
        Assert.Contains("should be 80, as 'num_mel_bins' in config.json says; got 128", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(384, 4, 6, 51865, null, 6)]
    [InlineData(1280, 32, 20, 51866, null, 10)]
    [InlineData(1280, 4, 20, 51866, null, 6)]
    [InlineData(1280, 32, 20, 51865, "whisper-large-v2", 23)]
    [InlineData(1280, 32, 20, 51865, "whisper-large-v1", 9)]
    [InlineData(1280, 32, 20, 51865, "mine", 320)]
    [InlineData(1280, 2, 20, 51866, "distil-large-v3", 20)]
    public void Alignment_heads_are_the_published_ones_or_the_last_half(
        int size, int layers, int heads, int vocabSize, string? name, int count)
    {
        var config = new WhisperConfig
        {
            DModel = size,
            EncoderLayers = 1,
            EncoderAttentionHeads = heads,
            EncoderFfnDim = 1,
            DecoderLayers = layers,
            DecoderAttentionHeads = heads,
            DecoderFfnDim = 1,
            VocabSize = vocabSize,
        };
        var found = WhisperAlignmentHeads.For(config, name);
        Assert.Equal(count, found.Count);
        Assert.All(found, h => Assert.True(h.Layer < layers && h.Head < heads));
    }

    [Fact]
    public void Published_alignment_heads_are_those_of_the_real_checkpoint()
    {
        var folder = TestModels.WhisperBase;
        var config = WhisperConfig.Load(folder);
        Assert.Equal(WhisperGenerationConfig.Load(folder, config).AlignmentHeads, WhisperAlignmentHeads.For(config));
    }
}
