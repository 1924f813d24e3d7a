using System.CommandLine;
using Earshot.Audio;
using Earshot.Cli.Commands;
using Earshot.Transcription;

namespace Earshot.Cli.Options;

/// <summary>Which parts of a recording are transcribed, and how many at once: clips, speech detection, batches, channels.</summary>
internal sealed class PartsOptionSet
{
    const int MostChannels = 64;

    readonly Option<ClipRange[]?> _clips = new("--clip")
    {
        Description = "Transcribe only these parts, such as 1:30-2:00,5:00- (to the end).",
        HelpName = "FROM-TO,...",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            var clips = result.Tokens[^1].Value.Split(',').Select(Clip).ToArray();
            if (clips.All(clip => clip is not null)) return [.. clips.Select(clip => clip!.Value)];
            result.AddError($"--clip is '{result.Tokens[^1].Value}'; expected times such as 1:30-2:00,5:00- in order.");
            return null;
        },
    };

    readonly Option<ChannelChoice?> _channel = new("--channel")
    {
        Description = "Hear one channel alone, by its number from 0 or as left or right; or all, each by itself and told apart in the " +
            "transcript, as in a call with one speaker a channel (turns --vad on, unless there are clips); or their mix (default).",
        HelpName = "N|left|right|all|mix",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            if (ChannelChoice.TryParse(result.Tokens[^1].Value) is { } choice and not { Index: >= MostChannels }) return choice;
            result.AddError(
                $"--channel is '{result.Tokens[^1].Value}'; expected a number from 0 to {MostChannels - 1}, left, right, all or mix.");
            return null;
        },
    };

    readonly Option<int?> _batchSize = OptionKinds.Whole(
        "--batch-size",
        "Windows decoded at once; above 1, speech is cut at pauses into windows that know nothing of each other: " +
        "faster for long recordings (default 1).", 1, 1024);
    readonly Option<bool> _vad = OptionKinds.Flag(
        "--vad", "Leave silence out, as a speech detector hears it; any --vad-... option turns it on too.");
    readonly Option<double?> _threshold = OptionKinds.Number(
        "--vad-threshold", "Speech begins at this probability (default 0.5).", 0.01, 1);
    readonly Option<double?> _minSilence = OptionKinds.Number(
        "--vad-min-silence", "Speech ends with a silence of this length (default 2; in batches 0.16).", 0, 3600, "SECONDS");
    readonly Option<double?> _minSpeech = OptionKinds.Number(
        "--vad-min-speech", "Shorter sounds are no speech (default 0).", 0, 3600, "SECONDS");
    readonly Option<double?> _maxSpeech = OptionKinds.Number(
        "--vad-max-speech", "Longer speech is cut (default: no limit; in batches 30).", 1, 3600, "SECONDS");
    readonly Option<double?> _pad = OptionKinds.Number(
        "--vad-pad", "Silence kept on both sides of speech (default 0.4).", 0, 60, "SECONDS");

    readonly Option<bool> _strict = OptionKinds.Flag(
        "--strict", "Refuse a damaged or truncated recording, instead of reading what can be read of it with a warning.");

    public OptionGroup Group =>
        new("Parts of the recording", [_clips, _channel, _strict, _batchSize, _vad, _threshold, _minSilence, _minSpeech, _maxSpeech, _pad]);

    /// <exception cref="UsageException">Options that exclude each other.</exception>
    public TranscriptionOptions Apply(ParseResult parsed, TranscriptionOptions options)
    {
        var clips = parsed.GetValue(_clips) ?? [];
        int batch = parsed.GetValue(_batchSize) ?? 1;
        var channel = parsed.GetValue(_channel) ?? default;
        var vad = VadOf(parsed, batch);
        if (clips.Length > 0 && (vad is not null || batch > 1))
            throw new UsageException("--clip cannot be used with --vad or a --batch-size above 1, which choose the parts themselves.");
        // While one channel speaks the others are silent, and silence is what models make words up for.
        if (channel.IsEach && clips.Length == 0) vad ??= batch > 1 ? VadOptions.Batched : new VadOptions();
        return options with
        {
            ClipRanges = clips,
            BatchSize = batch,
            Vad = vad,
            EachChannel = channel.IsEach,
            Audio = new AudioReadOptions { Channel = channel.Index, Strict = parsed.GetValue(_strict) },
        };
    }

    VadOptions? VadOf(ParseResult parsed, int batch)
    {
        Option<double?>[] details = [_threshold, _minSilence, _minSpeech, _maxSpeech, _pad];
        if (!parsed.GetValue(_vad) && details.All(option => parsed.GetValue(option) is null)) return null;
        var defaults = batch > 1 ? VadOptions.Batched : new VadOptions();
        return defaults with
        {
            Threshold = (float?)parsed.GetValue(_threshold) ?? defaults.Threshold,
            MinSilenceDuration = Seconds(parsed, _minSilence) ?? defaults.MinSilenceDuration,
            MinSpeechDuration = Seconds(parsed, _minSpeech) ?? defaults.MinSpeechDuration,
            MaxSpeechDuration = Seconds(parsed, _maxSpeech) ?? defaults.MaxSpeechDuration,
            SpeechPad = Seconds(parsed, _pad) ?? defaults.SpeechPad,
        };
    }

    static TimeSpan? Seconds(ParseResult parsed, Option<double?> option) =>
        parsed.GetValue(option) is { } seconds ? TimeSpan.FromSeconds(seconds) : null;

    static ClipRange? Clip(string text)
    {
        var ends = text.Split('-');
        if (ends.Length != 2 || Times.Parse(ends[0].Length == 0 ? "0" : ends[0]) is not { } start) return null;
        if (ends[1].Length == 0) return new ClipRange(start);
        return Times.Parse(ends[1]) is { } end && end > start ? new ClipRange(start, end) : null;
    }
}
