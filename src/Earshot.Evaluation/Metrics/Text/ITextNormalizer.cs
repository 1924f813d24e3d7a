namespace Earshot.Evaluation.Metrics;

/// <summary>Writes texts that say the same in the same way, so that only what was said is scored.</summary>
public interface ITextNormalizer
{
    string Normalize(string text);
}
