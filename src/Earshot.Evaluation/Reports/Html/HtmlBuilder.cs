using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Earshot.Evaluation;

/// <summary>
/// Builds HTML that is well-formed XML too. What stands in a string's braces is escaped, whether in an element or between an attribute's
/// double quotes; only what another builder made goes in as it is.
/// </summary>
internal sealed class HtmlBuilder
{
    readonly StringBuilder _text = new();

    public HtmlBuilder Add([InterpolatedStringHandlerArgument("")] ref Piece piece)
    {
        _ = piece;
        return this;
    }

    public override string ToString() => _text.ToString();

    void Escape(ReadOnlySpan<char> text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            switch (rune.Value)
            {
                case '<': _text.Append("&lt;"); break;
                case '>': _text.Append("&gt;"); break;
                case '&': _text.Append("&amp;"); break;
                case '"': _text.Append("&quot;"); break;
                case '\'': _text.Append("&#39;"); break;
                // Controls would not be XML; half a surrogate pair comes as U+FFFD already.
                case < 0x20 and not ('\t' or '\n') or (>= 0x7F and < 0xA0) or 0xFFFE or 0xFFFF: _text.Append('\uFFFD'); break;
                default: _text.Append(rune.ToString()); break;
            }
        }
    }

    /// <summary>The parts of a string: literals are markup, values are text.</summary>
    [InterpolatedStringHandler]
    public readonly ref struct Piece
    {
        readonly HtmlBuilder _builder;

        public Piece(int literalLength, int formattedCount, HtmlBuilder builder)
        {
            builder._text.EnsureCapacity(builder._text.Length + literalLength + 16 * formattedCount);
            _builder = builder;
        }

        public void AppendLiteral(string markup) => _builder._text.Append(markup);

        public void AppendFormatted(string? text) => _builder.Escape(text);

        public void AppendFormatted(HtmlBuilder markup) => _builder._text.Append(markup._text);

        public void AppendFormatted(int number) => _builder._text.Append(CultureInfo.InvariantCulture, $"{number}");

        public void AppendFormatted(long number) => _builder._text.Append(CultureInfo.InvariantCulture, $"{number}");

        /// <summary>A coordinate, to a tenth.</summary>
        public void AppendFormatted(double number) => _builder._text.Append(number.ToString("0.#", CultureInfo.InvariantCulture));
    }
}
