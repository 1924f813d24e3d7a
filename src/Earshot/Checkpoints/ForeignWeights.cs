using System.Buffers.Binary;
using System.Text;
using Earshot.Checkpoints.Nemo;
using Earshot.Checkpoints.Torch;

namespace Earshot.Checkpoints;

/// <summary>Names weights in formats that are not opened here, by their content, and says what to take instead.</summary>
static class ForeignWeights
{
    const int HeadLength = 64;
    const int MaxName = 48;
    const string Torch = "a checkpoint of PyTorch's without a model around it. Name it pytorch_model.bin, and put the model's " +
        "config.json and tokenizer beside it.";

    const string Pickle = "a Python pickle, which can run any code and is never opened here. Convert it once, where you trust it: " +
        "in Python, `model.save_pretrained(folder, safe_serialization=True)` with transformers writes 'model.safetensors'.";

    static readonly string[] s_extensions = [".bin", ".pt", ".pth", ".gguf", ".nemo"];

    /// <summary>Which program's files are at a path, told by their first bytes; Hugging Face's where nothing else is known.</summary>
    public static ModelContainer ContainerOf(string path)
    {
        if (File.Exists(path))
        {
            var head = Head(path);
            return head.StartsWith("lmgg"u8) ? ModelContainer.WhisperCpp
                : head.StartsWith("GGUF"u8) ? ModelContainer.Gguf
                : NemoArchive.Find(path) is not null ? ModelContainer.Nemo : ModelContainer.HuggingFace;
        }
        if (NemoArchive.Find(path) is not null) return ModelContainer.Nemo;
        var weights = Path.Combine(path, CTranslate2File.FileName);
        return File.Exists(weights) && CTranslate2Name(Head(weights)) is not null
            && !Directory.EnumerateFiles(path, "*.safetensors*").Any() && !File.Exists(Path.Combine(path, ModelFolder.ExportName))
            ? ModelContainer.CTranslate2
            : ModelContainer.HuggingFace;
    }

    /// <summary>Whether a file begins as PyTorch's do: as a zip, or with the older form's magic number.</summary>
    public static bool IsTorch(string path) => IsTorch(Head(path));

    static bool IsTorch(ReadOnlySpan<byte> head) =>
        head.StartsWith("PK"u8) || head.StartsWith((ReadOnlySpan<byte>)[0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46]);

    /// <summary>What a folder holds in place of safetensors weights; null where nothing is known of it.</summary>
    public static CheckpointException? InFolder(string folder)
    {
        // Of several, the one that says most: a pickle beside model.bin is a leftover of the conversion.
        var found = Directory.EnumerateFiles(folder)
            .Where(file => s_extensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase))
            .Order(StringComparer.Ordinal)
            .Select(file => (File: file, What: Describe(file)))
            .OrderBy(file => file.What is Pickle or Torch ? 1 : 0)
            .FirstOrDefault();
        return found.File is null
            ? null
            : new CheckpointException($"'{folder}' holds its weights as '{Path.GetFileName(found.File)}' only: {found.What}");
    }

    /// <summary>What to tell where a file is given in place of a model's folder.</summary>
    public static CheckpointException OfFile(string path) =>
        new($"'{path}' is a file, expected a model's folder; the file is {Describe(path)}");

    /// <summary>What to tell where a file's content is not what was asked for.</summary>
    public static string NotOfFormat(string path, string format) => $"Cannot read '{path}' as {format}: the file is {Describe(path)}";

    /// <summary>What the files of a model on the hub are, as a part of a sentence; empty where their names do not tell.</summary>
    public static string Among(IReadOnlyList<string> files)
    {
        if (files.Contains(CTranslate2File.FileName)) return ", only weights for CTranslate2, without its vocabulary";
        if (files.Any(file => file.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase))) return ", only GGUF files that hold no model";
        return files.Any(file => file.EndsWith(".pt", StringComparison.OrdinalIgnoreCase))
            ? $", only PyTorch's files under names of their own (expected '{TorchCheckpoint.FileName}')"
            : "";
    }

    static string Describe(string path)
    {
        var head = Head(path);
        if (head.StartsWith("lmgg"u8)) return "a model for whisper.cpp (ggml). Give the file itself.";
        if (head.StartsWith("GGUF"u8)) return "a GGUF file, for llama.cpp and its like. Give the file itself.";
        if (CTranslate2Name(head) is { } name)
            return $"a model for CTranslate2 (faster-whisper; its kind is {name}). Give the folder that holds it.";
        if (head.StartsWith("version https://git-lfs"u8))
            return "a pointer of Git LFS in place of the weights. Fetch them: `git lfs pull` in that folder.";
        if (head.StartsWith("<"u8)) return "a web page in place of the weights. Download it again, and look at the address.";
        if (head.Length > 8 && head[8] == '{' && BinaryPrimitives.ReadUInt64LittleEndian(head) < 100_000_000)
            return "safetensors weights. Give the folder that holds them, with config.json and the tokenizer beside.";
        if (IsTorch(head)) return Torch;
        if (head is [0x80, >= 2 and <= 5, ..]) return Pickle;
        if (Path.GetExtension(path).Equals(".onnx", StringComparison.OrdinalIgnoreCase))
            return "an ONNX graph. Give the folder of an exported model (earshot export).";
        return $"in no format that is known here. {Instead}";
    }

    static string Instead =>
        "Earshot opens models in Hugging Face format (config.json, model.safetensors, tokenizer), whisper.cpp's files (ggml-base.bin), " +
        $"CTranslate2's folders and NeMo's archives: take the checkpoint that it was made from, or the model in the box, " +
        $"{ModelNames.Base}.";

    static ReadOnlySpan<byte> Head(string path)
    {
        var head = new byte[HeadLength];
        try
        {
            using var file = File.OpenRead(path);
            return head.AsSpan(0, file.ReadAtLeast(head, HeadLength, throwOnEndOfStream: false));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"'{path}' cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The name of the model's kind that follows CTranslate2's version: a length that counts the zero byte at the end.</summary>
    static string? CTranslate2Name(ReadOnlySpan<byte> head)
    {
        if (head.Length < 8 || BinaryPrimitives.ReadUInt32LittleEndian(head) is < 2 or > 100) return null;
        int length = BinaryPrimitives.ReadUInt16LittleEndian(head[4..]);
        if (length is < 2 or > MaxName || head.Length < 6 + length || head[5 + length] != 0) return null;
        var name = head.Slice(6, length - 1);
        foreach (byte letter in name)
        {
            if (!char.IsAsciiLetterOrDigit((char)letter)) return null;
        }
        return Encoding.ASCII.GetString(name);
    }
}
