namespace Earshot.Chat;

/// <summary>Finds where JSON ends in text that is still growing, looking at each character once.</summary>
sealed class JsonExtent
{
    int _position, _depth;
    bool _isString, _isEscaped;

    public void Reset() => (_position, _depth, _isString, _isEscaped) = (0, 0, false, false);

    /// <summary>Where the object that begins at <paramref name="start"/> ends; -1 while it does not.</summary>
    public int EndOfObject(string text, int start)
    {
        for (_position = Math.Max(_position, start); _position < text.Length; _position++)
        {
            if (IsInString(text[_position])) continue;
            if (text[_position] is '{' or '[') _depth++;
            else if (text[_position] is '}' or ']' && --_depth <= 0) return ++_position;
        }
        return -1;
    }

    /// <summary>Where a tag stands outside of strings, from <paramref name="start"/> on; -1 while it does not.</summary>
    public int IndexOf(string text, int start, string tag)
    {
        for (_position = Math.Max(_position, start); _position < text.Length; _position++)
        {
            if (!_isString && text[_position] == tag[0])
            {
                var rest = text.AsSpan(_position);
                if (rest.StartsWith(tag, StringComparison.Ordinal)) return _position;
                // Not all of it may be there yet.
                if (rest.Length < tag.Length && tag.AsSpan().StartsWith(rest, StringComparison.Ordinal)) return -1;
            }
            IsInString(text[_position]);
        }
        return -1;
    }

    /// <summary>Goes on by a character; whether it is in a string or ends one.</summary>
    bool IsInString(char c)
    {
        if (!_isString)
        {
            _isString = c == '"';
            return _isString;
        }
        if (_isEscaped) _isEscaped = false;
        else if (c == '\\') _isEscaped = true;
        else if (c == '"') _isString = false;
        return true;
    }
}
