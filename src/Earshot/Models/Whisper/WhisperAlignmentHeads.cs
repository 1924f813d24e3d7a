using Earshot.Compute.Parts;

namespace Earshot.Models;

/// <summary>
/// The heads whose cross-attention follows the audio closely enough to tell when words are said. Published for OpenAI's own models
/// (openai/whisper, <c>_ALIGNMENT_HEADS</c>); for others the reference takes all heads of the last half of the decoder's layers.
/// </summary>
public static class WhisperAlignmentHeads
{
    static readonly Published[] s_published =
    [
        new("tiny.en", 384, 4, 51864,
            [(1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)]),
        new("tiny", 384, 4, 51865,
            [(2, 2), (3, 0), (3, 2), (3, 3), (3, 4), (3, 5)]),
        new("base.en", 512, 6, 51864,
            [(3, 3), (4, 7), (5, 1), (5, 5), (5, 7)]),
        new("base", 512, 6, 51865,
            [(3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)]),
        new("small.en", 768, 12, 51864,
            [
                (6, 6), (7, 0), (7, 3), (7, 8), (8, 2), (8, 5), (8, 7), (9, 0), (9, 4), (9, 8), (9, 10), (10, 0), (10, 1), (10, 2), (10, 3),
                (10, 6), (10, 11), (11, 2), (11, 4),
            ]),
        new("small", 768, 12, 51865,
            [(5, 3), (5, 9), (8, 0), (8, 4), (8, 7), (8, 8), (9, 0), (9, 7), (9, 9), (10, 5)]),
        new("medium.en", 1024, 24, 51864,
            [
                (11, 4), (14, 1), (14, 12), (14, 14), (15, 4), (16, 0), (16, 4), (16, 9), (17, 12), (17, 14), (18, 7), (18, 10), (18, 15),
                (20, 0), (20, 3), (20, 9), (20, 14), (21, 12),
            ]),
        new("medium", 1024, 24, 51865,
            [(13, 15), (15, 4), (15, 15), (16, 1), (20, 0), (23, 4)]),
        new("large-v1", 1280, 32, 51865,
            [(9, 19), (11, 2), (11, 4), (11, 17), (22, 7), (22, 11), (22, 17), (23, 2), (23, 15)]),
        new("large-v2", 1280, 32, 51865,
            [
                (10, 12), (13, 17), (16, 11), (16, 12), (16, 13), (17, 15), (17, 16), (18, 4), (18, 11), (18, 19), (19, 11), (21, 2),
                (21, 3), (22, 3), (22, 9), (22, 12), (23, 5), (23, 7), (23, 13), (25, 5), (26, 1), (26, 12), (27, 15),
            ]),
        new("large-v3", 1280, 32, 51866,
            [(7, 0), (10, 17), (12, 18), (13, 12), (16, 1), (17, 14), (19, 11), (21, 4), (24, 1), (25, 6)]),
        new("large-v3-turbo", 1280, 4, 51866,
            [(2, 4), (2, 11), (3, 3), (3, 6), (3, 11), (3, 14)]),
    ];

    /// <summary>
    /// The heads of a model whose checkpoint does not list them: those published for its sizes, else all heads of the last half of the
    /// layers. The sizes of large-v1 and large-v2 are the same, so these are told apart by a name (a folder's, or the one in the
    /// configuration).
    /// </summary>
    public static IReadOnlyList<AlignmentHead> For(WhisperConfig config, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        var candidates = Array.FindAll(s_published, p => p.Matches(config));
        var known = candidates.Length == 1
            ? candidates[0]
            : Array.Find(candidates, p => IsNamed(p.Name, name) || IsNamed(p.Name, config.NameOrPath));
        return known is not null
            ? [.. known.Heads.Select(h => new AlignmentHead(h.Layer, h.Head))]
            : LastHalf(config);
    }

    static bool IsNamed(string published, string? name) =>
        name is not null && name.EndsWith(published, StringComparison.OrdinalIgnoreCase);

    static List<AlignmentHead> LastHalf(WhisperConfig config)
    {
        var heads = new List<AlignmentHead>();
        for (int layer = config.DecoderLayers / 2; layer < config.DecoderLayers; layer++)
        {
            for (int head = 0; head < config.DecoderAttentionHeads; head++) heads.Add(new AlignmentHead(layer, head));
        }
        return heads;
    }

    sealed record Published(string Name, int DModel, int DecoderLayers, int VocabSize, (int Layer, int Head)[] Heads)
    {
        public bool Matches(WhisperConfig config) =>
            config.DModel == DModel && config.DecoderLayers == DecoderLayers && config.VocabSize == VocabSize;
    }
}
