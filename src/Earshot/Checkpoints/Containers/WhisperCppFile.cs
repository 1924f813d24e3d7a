using Earshot.Checkpoints.Gguf;
using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>
/// A model for whisper.cpp, <c>ggml-*.bin</c>: sizes, mel filters, vocabulary and tensors in one pass, little-endian. Follows
/// whisper.cpp's own converter (models/convert-pt-to-ggml.py).
/// </summary>
sealed class WhisperCppFile : WhisperContainer
{
    const string Format = "a model for whisper.cpp";
    const int LeastLength = 12 * sizeof(int);
    const int MaxWord = 256, MaxName = 1024, MaxDimensions = 4;

    readonly MappedFile _file;
    readonly FileCursor _cursor;

    WhisperCppFile(MappedFile file)
    {
        _file = file;
        _cursor = new FileCursor(file, Format);
        Sizes = ReadSizes();
        MelFilters = ReadMelFilters();
        Vocabulary = ReadVocabulary();
        while (_cursor.Remaining > 0) ReadTensor();
        if (Tensors.Count == 0)
            throw _cursor.Damaged(
                "it ends after the vocabulary, without tensors, as the files for whisper.cpp's own tests do",
                advice: "Take the whole model.");
    }

    public override string Program => "whisper.cpp";

    public override string Location => _file.Path;

    public override WhisperSizes Sizes { get; }

    /// <summary>(mel bins, frequency bins), row-major.</summary>
    public float[] MelFilters { get; }

    /// <summary>The bytes of the text tokens, by id.</summary>
    public byte[][] Vocabulary { get; }

    public static new WhisperCppFile Open(string path)
    {
        var file = MappedFile.Open(path, Format, LeastLength);
        try
        {
            return new WhisperCppFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public override void Dispose() => _file.Dispose();

    WhisperSizes ReadSizes()
    {
        if (_cursor.ReadInt32() != 0x67676D6C) throw new CheckpointException(ForeignWeights.NotOfFormat(_file.Path, Format));
        int vocabulary = Size("vocabulary", 1 << 22), audio = Size("audio positions", 1 << 20), width = Size("audio width", 1 << 16),
            heads = Size("audio heads", 1024), layers = Size("audio layers", 1024), text = Size("text positions", 1 << 20),
            textWidth = Size("text width", 1 << 16), textHeads = Size("text heads", 1024), textLayers = Size("text layers", 1024),
            mels = Size("mel bins", 512);
        _cursor.ReadInt32(); // what most tensors are: each tells for itself
        if (width != textWidth || width % heads != 0 || width % textHeads != 0)
            throw NoWhisper($"a width of {width} with {heads} heads, and of {textWidth} with {textHeads}");
        return new WhisperSizes
        {
            Vocabulary = vocabulary,
            MelBins = mels,
            Width = width,
            AudioPositions = audio,
            TextPositions = text,
            EncoderLayers = layers,
            EncoderHeads = heads,
            EncoderInner = 4 * width,
            DecoderLayers = textLayers,
            DecoderHeads = textHeads,
            DecoderInner = 4 * width,
        };
    }

    int Size(string what, int most)
    {
        int value = _cursor.ReadInt32();
        return value >= 1 && value <= most ? value : throw NoWhisper($"{value} as its {what}");
    }

    // The same beginning is that of other kinds of model.
    CheckpointException NoWhisper(string what) => _cursor.Damaged(
        $"it has {what}, which no Whisper has", advice: "Of whisper.cpp's files, those of Whisper models are opened (ggml-base.bin and " +
            "the like), not those of its speech detector or of Parakeet.");

    float[] ReadMelFilters()
    {
        int mels = _cursor.ReadInt32(), bins = _cursor.ReadInt32();
        const int expected = Features.LogMelSpectrogram.FftSize / 2 + 1;
        if (mels != Sizes.MelBins || bins != expected)
            throw _cursor.Damaged($"it has mel filters of {mels} × {bins}; expected {Sizes.MelBins} × {expected}");
        _cursor.Require(sizeof(float) * (long)mels * bins, "the mel filters");
        var filters = new float[mels * bins];
        _cursor.ReadInto(System.Runtime.InteropServices.MemoryMarshal.AsBytes(filters.AsSpan()));
        int wrong = Array.FindIndex(filters, weight => !float.IsFinite(weight));
        return wrong < 0 ? filters : throw _cursor.Damaged($"weight {wrong} of its mel filters is {filters[wrong]}");
    }

    byte[][] ReadVocabulary()
    {
        int count = _cursor.ReadInt32();
        if (count < 0 || count > _cursor.Remaining / sizeof(int) || count > Sizes.Vocabulary)
            throw _cursor.Damaged(
                $"it tells of {count} tokens; expected at most {Sizes.Vocabulary}, in the {_cursor.Remaining} bytes that are left");
        var words = new byte[count][];
        for (int i = 0; i < count; i++)
        {
            int length = _cursor.ReadInt32();
            if (length is < 0 or > MaxWord) throw _cursor.Damaged($"token {i} has {length} bytes; at most {MaxWord} are allowed");
            words[i] = _cursor.ReadBytes(length, $"token {i}");
        }
        return words;
    }

    void ReadTensor()
    {
        long start = _cursor.Position;
        int rank = _cursor.ReadInt32(), length = _cursor.ReadInt32();
        uint id = _cursor.ReadUInt32();
        if (rank is < 1 or > MaxDimensions || length is < 1 or > MaxName)
            throw _cursor.Damaged($"the tensor at byte {start} has {rank} dimensions and a name of {length} bytes");
        Span<int> sizes = stackalloc int[rank];
        long count = 1;
        for (int i = rank - 1; i >= 0; i--)
        {
            int size = sizes[i] = _cursor.ReadInt32();
            if (size < 1 || count > int.MaxValue * 64L / size)
                throw _cursor.Damaged($"the tensor at byte {start} has a size of {size}, or more elements than any memory has");
            count *= size;
        }
        var name = _cursor.ReadText(length, strict: true, "a tensor's name");
        var type = GgmlType.Find(id) ?? throw _cursor.Damaged(
            $"tensor '{name}' has the type {GgmlType.Describe(id)}", advice: "Quantise the model anew, to one of these types.");
        if (sizes[^1] % type.BlockLength != 0)
            throw _cursor.Damaged(
                $"tensor '{name}' of type {type} has rows of {sizes[^1]} elements; expected blocks of {type.BlockLength}");
        // Biases of convolutions are columns there.
        var shape = rank == 2 && sizes[1] == 1 && name.EndsWith(".bias", StringComparison.Ordinal) ? new Shape(sizes[0]) : new Shape(sizes);
        var own = WhisperCppNames.ToHuggingFace(name);
        var at = new FileRange(_file, _cursor.Position);
        _cursor.Skip(type.BytesOf(count), $"the data of tensor '{name}'");
        StoredTensor tensor = type.Blocks is { } blocks
            ? new BlockTensor(own, shape, blocks, at)
            : new FileTensor(own, type.Element, shape, at);
        if (!Tensors.TryAdd(own, tensor)) throw _cursor.Damaged($"tensor '{name}' is there twice");
    }
}
