using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>A variable as CTranslate2's <c>model.bin</c> has it, under its own name.</summary>
sealed record CTranslate2Variable(string Name, DType Type, Shape Shape, FileRange At)
{
    /// <summary>The value of a variable of one element.</summary>
    public double ReadScalar()
    {
        Span<byte> bytes = stackalloc byte[8];
        var value = bytes[..Type.Size()];
        At.File.Read(At.Offset, value);
        return Type switch
        {
            DType.I8 => (sbyte)value[0],
            DType.I16 => BitConverter.ToInt16(value),
            DType.I32 => BitConverter.ToInt32(value),
            DType.F16 => (double)BitConverter.ToHalf(value),
            DType.BF16 => BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(value) << 16),
            _ => BitConverter.ToSingle(value),
        };
    }
}

/// <summary>CTranslate2's <c>model.bin</c>, versions 3 to 6: named variables in one pass, and other names for some.</summary>
sealed class CTranslate2File : IDisposable
{
    public const string FileName = "model.bin";
    const string Format = "a model for CTranslate2";
    const int LeastLength = 16, MaxRank = 4;
    const uint OldestVersion = 3, NewestVersion = 6, FirstWithTypes = 4;

    readonly MappedFile _file;
    readonly FileCursor _cursor;
    readonly Dictionary<string, CTranslate2Variable> _variables = new(StringComparer.Ordinal);

    CTranslate2File(MappedFile file, string spec)
    {
        _file = file;
        _cursor = new FileCursor(file, Format);
        uint version = _cursor.ReadUInt32();
        if (version is < OldestVersion or > NewestVersion)
            throw _cursor.Damaged(
                $"it has version {version} of the format; {OldestVersion} to {NewestVersion} are read",
                advice: "Convert the model again with a current ctranslate2, or download it again.");
        if (ReadName() is var own && own != spec)
            throw new CheckpointException(
                $"'{file.Path}' is a model for CTranslate2 of the kind {own}; of these, only Whisper's ({spec}) are opened.");
        _cursor.ReadUInt32(); // the specification's revision: what it changed is told by the variables
        uint count = _cursor.ReadUInt32();
        if (count > _cursor.Remaining / 8) throw _cursor.Damaged($"it tells of {count} variables in {_cursor.Remaining} bytes");
        for (uint i = 0; i < count; i++) ReadVariable(version);
        ReadAliases();
    }

    public string Location => _file.Path;

    /// <summary>The names of all variables, in the file's order; those that only stand for others are not among them.</summary>
    public IReadOnlyCollection<string> Names => _variables.Keys;

    /// <summary>Opens a file of a kind of model, such as WhisperSpec.</summary>
    /// <exception cref="CheckpointException">It is damaged, or of another kind.</exception>
    public static CTranslate2File Open(string path, string spec)
    {
        var file = MappedFile.Open(path, Format, LeastLength);
        try
        {
            return new CTranslate2File(file, spec);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public CTranslate2Variable? Find(string name) => _variables.GetValueOrDefault(name);

    /// <exception cref="CheckpointException">There is no such variable.</exception>
    public CTranslate2Variable Require(string name) => Find(name) ?? throw Wrong($"variable '{name}' is missing");

    public CheckpointException Wrong(string what) => _cursor.Damaged(what);

    public void Dispose() => _file.Dispose();

    void ReadVariable(uint version)
    {
        var name = ReadName();
        int rank = _cursor.ReadByte();
        if (rank > MaxRank) throw _cursor.Damaged($"variable '{name}' has {rank} dimensions; at most {MaxRank} are allowed");
        Span<int> sizes = stackalloc int[rank];
        long count = 1;
        for (int i = 0; i < rank; i++)
        {
            uint size = _cursor.ReadUInt32();
            if (size > int.MaxValue || (size > 0 && count > uint.MaxValue / size))
                throw _cursor.Damaged($"variable '{name}' has a size of {size}, or more elements than the format can hold");
            sizes[i] = (int)size;
            count *= size;
        }
        byte code = _cursor.ReadByte();
        var type = TypeOf(code, version)
            ?? throw _cursor.Damaged($"variable '{name}' has the element type {code}, which is not known");
        long told = _cursor.ReadUInt32() * (version < FirstWithTypes ? type.Size() : 1L), bytes = count * type.Size();
        if (told != bytes)
            throw _cursor.Damaged($"variable '{name}' of {type} {new Shape(sizes)} takes {bytes} bytes; the file gives it {told}");
        var variable = new CTranslate2Variable(name, type, new Shape(sizes), new FileRange(_file, _cursor.Position));
        _cursor.Skip(bytes, $"the data of variable '{name}'");
        if (!_variables.TryAdd(name, variable)) throw _cursor.Damaged($"variable '{name}' is there twice");
    }

    // Older files tell an element's size in place of its type.
    static DType? TypeOf(byte code, uint version) => (version < FirstWithTypes, code) switch
    {
        (true, 4) or (false, 0) => DType.F32,
        (true, 1) or (false, 1) => DType.I8,
        (true, 2) or (false, 2) => DType.I16,
        (false, 3) => DType.I32,
        (false, 4) => DType.F16,
        (false, 5) => DType.BF16,
        _ => null,
    };

    void ReadAliases()
    {
        uint count = _cursor.ReadUInt32();
        if (count > _cursor.Remaining / 4) throw _cursor.Damaged($"it tells of {count} other names in {_cursor.Remaining} bytes");
        for (uint i = 0; i < count; i++)
        {
            // Whisper's only one is the output matrix, which is the token table.
            var (alias, target) = (ReadName(), ReadName());
            if (Find(target) is null) throw _cursor.Damaged($"'{alias}' stands for '{target}', which is not there");
        }
        if (_cursor.Remaining > 0) throw _cursor.Damaged($"{_cursor.Remaining} bytes are left behind its end");
    }

    string ReadName()
    {
        int length = _cursor.ReadUInt16();
        if (length < 1) throw _cursor.Damaged($"a name at byte {_cursor.Position} has no end");
        var text = _cursor.ReadText(length - 1, strict: true, "a name");
        return _cursor.ReadByte() == 0 ? text : throw _cursor.Damaged($"a name at byte {_cursor.Position} has no end");
    }
}
