using System.Globalization;
using Earshot.Decoding;
using Earshot.Tokenizers;

namespace Earshot.Transcription;

/// <summary>What a recording asks of its model.</summary>
public sealed record RoutingRequest
{
    /// <summary>The language's code; null where it is not known, so that the model must tell languages apart.</summary>
    public string? Language { get; init; }

    /// <summary>How the language is known, for the reason: <c>heard in 3 s, 0.97</c>; null where it was given.</summary>
    public string? LanguageSource { get; init; }

    public SpeechTask Task { get; init; }

    public bool WordTimestamps { get; init; }

    /// <summary>Whether an encoder is needed that hears sound as it comes.</summary>
    public bool Streaming { get; init; }
}

/// <summary>A model that was not chosen, and why.</summary>
public sealed record PassedOver(string Model, string Why)
{
    public override string ToString() => $"{Model} {Why}";
}

/// <summary>Which model was chosen, and why.</summary>
public sealed record RoutingChoice
{
    /// <summary>The chosen model's folder or name.</summary>
    public required string Model { get; init; }

    /// <summary>The language's code; null where it was neither given nor heard for sure.</summary>
    public string? Language { get; init; }

    /// <summary>Why this one, in a sentence.</summary>
    public required string Reason { get; init; }

    /// <summary>The others of the table.</summary>
    public IReadOnlyList<PassedOver> Others { get; init; } = [];

    public override string ToString() =>
        $"{Model}: {Reason}{(Others.Count > 0 ? $" ({string.Join("; ", Others)})" : "")}";
}

/// <summary>
/// Chooses a model of a table for a recording: of those that can do what is asked, within the memory and time that they may take, the one
/// with the fewest wrong words in the language where that is known of all of them, else the first of the table.
/// </summary>
public sealed class ModelRouter
{
    readonly IModelCatalog _catalog;

    /// <param name="table">Null for <see cref="RoutingTable.Default"/>.</param>
    /// <param name="catalog">What is known of models; null for those of this machine.</param>
    public ModelRouter(RoutingTable? table = null, IModelCatalog? catalog = null)
    {
        Table = table ?? RoutingTable.Default;
        _catalog = catalog ?? new LocalModelCatalog();
    }

    public RoutingTable Table { get; }

    /// <summary>Chooses.</summary>
    /// <exception cref="ModelException">No model of the table can do it; the message says of each why not.</exception>
    public RoutingChoice Choose(RoutingRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var (able, others) = (new List<RoutedModel>(), new List<PassedOver>());
        foreach (var model in Table.Models)
        {
            if (WhyNot(model, request) is { } reason) others.Add(new PassedOver(model.Model, reason));
            else able.Add(model);
        }
        if (able.Count == 0)
        {
            throw new ModelException(
                $"No model of the routing table can {Wish(request)}: {string.Join("; ", others)}. Pull one, or name a model yourself.");
        }
        var (chosen, why) = Best(able, request.Language);
        others.AddRange(able
            .Where(model => model != chosen)
            .Select(model => new PassedOver(model.Model, Behind(model, chosen, request.Language))));
        return new RoutingChoice
        {
            Model = chosen.Model,
            Language = request.Language,
            Reason = $"{LanguageOf(request)}; {why}",
            Others = others,
        };
    }

    /// <summary>How the language of a recording is listened for, by this table.</summary>
    public LanguageProbe Listen() => new(Table.FirstListening, Table.MostListening, Table.Confidence, Table.Among);

    string? WhyNot(RoutedModel model, RoutingRequest request)
    {
        ModelFacts? facts;
        try
        {
            facts = _catalog.Find(model.Model);
        }
        catch (EarshotException e)
        {
            return $"cannot be opened: {e.Message}";
        }
        if (facts is null && !model.Download) return "is not here";
        if (facts is { Recognizes: false }) return "recognises no speech";
        return WhyNot(model, facts, request) ?? WhyTooMuch(model, facts);
    }

    static string? WhyNot(RoutedModel model, ModelFacts? facts, RoutingRequest request)
    {
        var known = facts?.Languages ?? [];
        if (request.Language is { } code)
        {
            if (model.Languages.Count > 0 && !model.Languages.Contains(code)) return $"is not for {code}";
            if (known.Count > 0 && !known.Contains(code)) return $"does not know {code}";
        }
        else if (model.Languages.Count > 0) return "is for some languages only";
        else if (known.Count == 1) return $"knows {known[0]} only";
        if (request.Task == SpeechTask.Translate && !(model.Translates ?? facts?.Translates ?? true)) return "does not translate";
        if (request.WordTimestamps && !(model.WordTimestamps ?? facts?.WordTimestamps ?? true)) return "tells no times of words";
        if (request.Streaming && !(model.Streaming ?? facts?.Streaming ?? true)) return "hears no streams";
        return null;
    }

    string? WhyTooMuch(RoutedModel model, ModelFacts? facts)
    {
        if (Table.MostMemory is { } most && (model.Memory ?? facts?.Memory) is { } memory && memory > most)
            return Text($"takes {memory / 1e6:0} MB of the {most / 1e6:0} it may");
        if (Table.MostRealTimeFactor is { } limit && (model.RealTimeFactor ?? facts?.RealTimeFactor?.Invoke()) is { } factor
            && factor > limit)
            return Text($"takes {factor:0.###} s a second of sound of the {limit:0.###} it may");
        return null;
    }

    static (RoutedModel Model, string Why) Best(List<RoutedModel> able, string? language)
    {
        if (able.Count == 1) return (able[0], "the only one that can");
        if (language is not null && able.All(model => model.WordErrorRates.ContainsKey(language)))
        {
            var best = able.MinBy(model => model.WordErrorRates[language])!;
            return (best, Text($"fewest wrong words of {able.Count} that can, {best.WordErrorRates[language]:0.##} %"));
        }
        return (able[0], $"the first in the table of {able.Count} that can");
    }

    static string Behind(RoutedModel model, RoutedModel chosen, string? language) =>
        language is not null && model.WordErrorRates.TryGetValue(language, out double rate) && chosen.WordErrorRates.ContainsKey(language)
            ? Text($"has {rate:0.##} % of words wrong")
            : "stands behind it";

    static string LanguageOf(RoutingRequest request) => request.Language is { } code
        ? $"{WhisperLanguages.NameOf(code) ?? code}{(request.LanguageSource is { } source ? $" ({source})" : "")}"
        : $"language not known{(request.LanguageSource is { } heard ? $" ({heard})" : "")}";

    static string Wish(RoutingRequest request)
    {
        var wish = $"{(request.Task == SpeechTask.Translate ? "translate" : "transcribe")} " +
            (request.Language is { } code ? WhisperLanguages.NameOf(code) ?? code : "speech of an unknown language");
        if (request.WordTimestamps) wish += " with times of words";
        return request.Streaming ? wish + " as it comes" : wish;
    }

    static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
