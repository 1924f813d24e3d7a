using Earshot.Checkpoints;
using Earshot.Features;
using Earshot.Models;
using Earshot.Tests.Models;

namespace Earshot.Tests.Checkpoints;

/// <summary>Every setting of a model's files is obeyed, or refused with its name.</summary>
public sealed class HonestSettingsTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public HonestSettingsTests() => Model = RandomModel.WriteTo(_folder.Path);

    string Model { get; }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("sampling_rate", "8000", "16000, the only value that is implemented; got 8000")]
    [InlineData("hop_length", "80", "160, the only value that is implemented; got 80")]
    [InlineData("n_fft", "512", "400, the only value that is implemented; got 512")]
    [InlineData("feature_size", "128", "80, as 'num_mel_bins' in config.json says; got 128")]
    [InlineData("chunk_length", "8", "30, as 'max_source_positions' in config.json says: 3000 frames; got 8")]
    [InlineData("nb_max_frames", "800", "3000, as 'max_source_positions' in config.json says: 3000 frames; got 800")]
    [InlineData("n_samples", "128000", "480000, as 'max_source_positions' in config.json says: 3000 frames; got 128000")]
    [InlineData("do_normalize", "true", "false, the only value that is implemented; got true")]
    [InlineData("dither", "0.1", "0, the only value that is implemented; got 0.1")]
    [InlineData("padding_side", "\"left\"", "\"right\", the only value that is implemented; got \"left\"")]
    [InlineData("padding_value", "1.5", "0, the only value that is implemented; got 1.5")]
    [InlineData(
        "feature_extractor_type", "\"ClapFeatureExtractor\"",
        "\"WhisperFeatureExtractor\", the only value that is implemented; got \"ClapFeatureExtractor\"")]
    public void Features_that_are_not_computed_here_are_refused(string key, string value, string expected)
    {
        Write("preprocessor_config.json", $$"""{"{{key}}": {{value}}}""");
        Assert.Contains($"preprocessor_config.json': '{key}' should be {expected}", Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Features_as_published_files_ask_for_them_are_computed()
    {
        Write("preprocessor_config.json", """
            {"chunk_length": 30, "dither": 0.0, "do_normalize": false, "feature_extractor_type": "WhisperFeatureExtractor",
             "feature_size": 80, "hop_length": 160, "n_fft": 400, "n_samples": 480000, "nb_max_frames": 3000, "padding_side": "right",
             "padding_value": 0.0, "return_attention_mask": false, "sampling_rate": 16000}
            """);
        Assert.Equal(new LogMelSettings(80), ModelFamilies.Open(Model).Features);
        File.Delete(Path.Combine(Model, "preprocessor_config.json"));
        Assert.Equal(new LogMelSettings(80), ModelFamilies.Open(Model).Features);
    }

    [Theory]
    [InlineData("scale_embedding", "true", "false, the only value that is implemented")]
    [InlineData("activation_function", "\"tanh\"", "gelu, relu or silu; got tanh")]
    [InlineData("median_filter_width", "9", "7, the only value that is implemented")]
    [InlineData("is_encoder_decoder", "false", "true, the only value that is implemented")]
    public void Sizes_and_kinds_that_are_not_implemented_are_refused(string key, string value, string expected)
    {
        var config = File.ReadAllText(Path.Combine(Model, "config.json"))
            .Replace("\"activation_function\": \"gelu\"", "\"note\": 0", StringComparison.Ordinal);
        Write("config.json", config.Replace(
            "{\"model_type\"", $$"""{"{{key}}": {{value}}, "model_type" """.TrimEnd(), StringComparison.Ordinal));
        Assert.Contains($"config.json': '{key}' should be {expected}", Refusal(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("repetition_penalty", "1.2", "1, the only value")]
    [InlineData("encoder_repetition_penalty", "0.5", "1, the only value")]
    [InlineData("no_repeat_ngram_size", "3", "0, the only value")]
    [InlineData("encoder_no_repeat_ngram_size", "2", "0, the only value")]
    [InlineData("diversity_penalty", "0.5", "0, the only value")]
    [InlineData("min_length", "5", "0, the only value")]
    [InlineData("min_new_tokens", "5", "0, the only value")]
    [InlineData("bad_words_ids", "[[7]]", "absent or null")]
    [InlineData("force_words_ids", "[[7]]", "absent or null")]
    [InlineData("sequence_bias", "[[[7], 1.0]]", "absent or null")]
    [InlineData("forced_bos_token_id", "7", "absent or null")]
    [InlineData("forced_eos_token_id", "7", "absent or null")]
    [InlineData("exponential_decay_length_penalty", "[1, 1.5]", "absent or null")]
    public void Rules_of_generation_that_are_not_implemented_are_refused(string key, string value, string expected)
    {
        Write("generation_config.json", $$"""{"{{key}}": {{value}}}""");
        Assert.Contains($"generation_config.json': '{key}' should be {expected}", Refusal(), StringComparison.Ordinal);
    }

    // The end is token 256, then the start, 99 languages from 258 on, translate, transcribe, three more, and no timestamps at 362.
    [Theory]
    [InlineData("decoder_start_token_id", "256", "decoder_start_token_id' should be 257, as the tokenizer says; got 256")]
    [InlineData("eos_token_id", "255", "eos_token_id' should be 256, as the tokenizer says; got 255")]
    [InlineData("prev_sot_token_id", "1", "prev_sot_token_id' should be 360, as the tokenizer says; got 1")]
    [InlineData("no_timestamps_token_id", "1", "no_timestamps_token_id' should be 362, as the tokenizer says; got 1")]
    [InlineData("is_multilingual", "true", "is_multilingual' should be false, as the tokenizer says; got true")]
    [InlineData("task_to_id", """{"transcribe": 357}""", "task_to_id.transcribe' should be 358, as the tokenizer says; got 357")]
    [InlineData("task_to_id", """{"translate": 358}""", "task_to_id.translate' should be 357, as the tokenizer says; got 358")]
    [InlineData("lang_to_id", """{"<|en|>": 259}""", "lang_to_id.<|en|>' should be the tokenizer's token of that language; got 259, zh")]
    [InlineData("lang_to_id", """{"en": 258}""", "lang_to_id.en' should be")]
    [InlineData("forced_decoder_ids", "[[1, 258], [4, 65]]", "forced_decoder_ids[4]' should be a language, a task or no timestamps")]
    [InlineData("forced_decoder_ids", "[[2, 65]]", "forced_decoder_ids[2]' should be a language, a task or no timestamps")]
    public void Tokens_that_the_tokenizer_has_elsewhere_are_refused(string key, string value, string expected)
    {
        Write("generation_config.json", $$"""{"{{key}}": {{value}}}""");
        Assert.Contains(expected, Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Rules_at_the_values_with_which_they_do_nothing_and_tokens_where_they_are_pass()
    {
        Write("generation_config.json", """
            {"repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "min_length": 0, "bad_words_ids": null,
             "decoder_start_token_id": 257, "eos_token_id": [256, 255],
             "prev_sot_token_id": 360, "no_timestamps_token_id": 362, "task_to_id": {"transcribe": 358, "translate": 357},
             "lang_to_id": {"<|en|>": 258, "<|zh|>": 259},
             "forced_decoder_ids": [[1, null], [2, 358], [3, 362]], "num_beams": 5, "return_timestamps": true}
            """);
        Assert.Equal(257, ((WhisperPrompt)ModelFamilies.Open(Model).Prompt!).Generation.DecoderStartTokenId);
    }

    void Write(string name, string content) => File.WriteAllText(Path.Combine(Model, name), content);

    string Refusal() => Assert.Throws<CheckpointException>(() => ModelFamilies.Open(Model)).Message;
}
