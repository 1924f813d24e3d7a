namespace Earshot.Checkpoints.Gguf;

/// <summary>
/// What a GGUF file says about its model, by key. Numbers are found whatever width the writer chose for them; a value of another kind than
/// was asked for is an error and not absent.
/// </summary>
public sealed class GgufMetadata
{
    readonly Dictionary<string, object> _values = new(StringComparer.Ordinal);

    internal GgufMetadata(string location)
    {
        Location = location;
    }

    /// <summary>The file, for messages.</summary>
    public string Location { get; }

    /// <summary>All keys, in the file's order.</summary>
    public IReadOnlyCollection<string> Keys => _values.Keys;

    /// <summary>The model's architecture, such as <c>llama</c>; null where the file does not say.</summary>
    public string? Architecture => FindString("general.architecture");

    /// <summary>
    /// A value as it stands in the file: a number of .NET's type of that width, a bool, a string, or an array of one of these (of arrays:
    /// <c>Array[]</c>); null where there is no such key.
    /// </summary>
    public object? Find(string key) => _values.GetValueOrDefault(key);

    public bool Contains(string key) => _values.ContainsKey(key);

    /// <exception cref="CheckpointException">The value is no string.</exception>
    public string? FindString(string key) => Find(key) switch
    {
        null => null,
        string text => text,
        var other => throw Wrong(key, "a string", other),
    };

    /// <exception cref="CheckpointException">The value is no whole number, or beyond 64 bits with a sign.</exception>
    public long? FindInteger(string key) => Find(key) is { } value ? Integer(key, value) : null;

    /// <summary>A number of any type.</summary>
    /// <exception cref="CheckpointException">The value is no number.</exception>
    public double? FindNumber(string key) => Find(key) switch
    {
        null => null,
        float single => single,
        double number => number,
        ulong large => large,
        var other => Integer(key, other),
    };

    /// <exception cref="CheckpointException">The value is neither true nor false.</exception>
    public bool? FindBoolean(string key) => Find(key) switch
    {
        null => null,
        bool flag => flag,
        var other => throw Wrong(key, "true or false", other),
    };

    /// <exception cref="CheckpointException">The value is no array of strings.</exception>
    public IReadOnlyList<string>? FindStrings(string key) => Find(key) switch
    {
        null => null,
        string[] texts => texts,
        Array { Length: 0 } => [],
        var other => throw Wrong(key, "an array of strings", other),
    };

    /// <summary>An array of numbers of any type, as float32.</summary>
    /// <exception cref="CheckpointException">The value is no array of numbers.</exception>
    public IReadOnlyList<float>? FindFloats(string key) => Find(key) switch
    {
        null => null,
        float[] singles => singles,
        double[] numbers => Array.ConvertAll(numbers, number => (float)number),
        Array { Length: 0 } => [],
        Array whole when IsInteger(whole) => [.. Integers(key, whole).Select(number => (float)number)],
        var other => throw Wrong(key, "an array of numbers", other),
    };

    /// <summary>An array of whole numbers of any type that fit into 32 bits.</summary>
    /// <exception cref="CheckpointException">The value is no array of whole numbers, or one of them is too large.</exception>
    public IReadOnlyList<int>? FindIntegers(string key) => Find(key) switch
    {
        null => null,
        // Arrays of uint pass a test for int[]: only the exact type is taken as it is.
        Array exact when exact.GetType() == typeof(int[]) => (int[])exact,
        Array { Length: 0 } => [],
        Array whole when IsInteger(whole) => [.. Integers(key, whole).Select(number => number is >= int.MinValue and <= int.MaxValue
            ? (int)number
            : throw Wrong(key, "whole numbers of 32 bits", number))],
        var other => throw Wrong(key, "an array of whole numbers", other),
    };

    /// <exception cref="CheckpointException">There is no such key, or its value is no string.</exception>
    public string RequireString(string key) => FindString(key) ?? throw Missing(key, "a string");

    /// <exception cref="CheckpointException">There is no such key, or its value is no whole number within the limits.</exception>
    public int RequireInteger(string key, int lowest, int highest)
    {
        long value = FindInteger(key) ?? throw Missing(key, "a whole number");
        return value >= lowest && value <= highest ? (int)value : throw Wrong(key, $"a whole number from {lowest} to {highest}", value);
    }

    /// <exception cref="CheckpointException">There is no such key, or its value is no array of strings.</exception>
    public IReadOnlyList<string> RequireStrings(string key) => FindStrings(key) ?? throw Missing(key, "an array of strings");

    internal bool TryAdd(string key, object value) => _values.TryAdd(key, value);

    /// <summary>What a value is, in the words of messages and reports.</summary>
    internal static string Describe(object value) => value switch
    {
        string text => text.Length <= 40 ? $"\"{text}\"" : $"a string of {text.Length} characters",
        Array array => $"an array of {array.Length} × {ElementName(array)}",
        bool flag => flag ? "true" : "false",
        IFormattable number => number.ToString(null, System.Globalization.CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    /// <summary>The kind of an array's elements, as the format calls it.</summary>
    internal static string ElementName(Array array) => array switch
    {
        string[] => "string",
        bool[] => "bool",
        float[] => "float32",
        double[] => "float64",
        Array[] => "array",
        _ when array.GetType() == typeof(byte[]) => "uint8",
        _ when array.GetType() == typeof(sbyte[]) => "int8",
        _ when array.GetType() == typeof(ushort[]) => "uint16",
        _ when array.GetType() == typeof(short[]) => "int16",
        _ when array.GetType() == typeof(uint[]) => "uint32",
        _ when array.GetType() == typeof(int[]) => "int32",
        _ when array.GetType() == typeof(ulong[]) => "uint64",
        _ => "int64",
    };

    static bool IsInteger(Array array) => array is not (string[] or bool[] or float[] or double[] or Array[]);

    static bool IsExactly<T>(Array array) => array.GetType() == typeof(T[]);

    IEnumerable<long> Integers(string key, Array array)
    {
        if (IsExactly<byte>(array)) return ((byte[])array).Select(value => (long)value);
        if (IsExactly<sbyte>(array)) return ((sbyte[])array).Select(value => (long)value);
        if (IsExactly<ushort>(array)) return ((ushort[])array).Select(value => (long)value);
        if (IsExactly<short>(array)) return ((short[])array).Select(value => (long)value);
        if (IsExactly<uint>(array)) return ((uint[])array).Select(value => (long)value);
        if (IsExactly<int>(array)) return ((int[])array).Select(value => (long)value);
        if (IsExactly<long>(array)) return (long[])array;
        return ((ulong[])array).Select(value => Integer(key, value));
    }

    long Integer(string key, object value) => value switch
    {
        byte number => number,
        sbyte number => number,
        ushort number => number,
        short number => number,
        uint number => number,
        int number => number,
        long number => number,
        ulong number when number <= long.MaxValue => (long)number,
        _ => throw Wrong(key, "a whole number", value),
    };

    CheckpointException Wrong(string key, string expected, object got) => new(
        $"'{Location}': the metadata key '{key}' should be {expected}; got {FileCursor.Printable(Describe(got))}. " +
        "The file is damaged or of a kind that is not known here: convert the model again.");

    CheckpointException Missing(string key, string expected) => new(
        $"'{Location}' has no metadata key '{key}', which should be {expected}. Convert the model again with a newer llama.cpp.");
}
