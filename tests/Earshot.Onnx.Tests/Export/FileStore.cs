using Earshot.Compute;

namespace Earshot.Onnx.Tests.Export;

/// <summary>Tensors one after the other in a file, as checkpoints have them.</summary>
sealed class FileStore : ITensorStore
{
    readonly Dictionary<string, StoredTensor> _tensors = [];

    public FileStore(string path, ITensorStore tensors)
    {
        Location = path;
        using var file = File.Create(path);
        foreach (var name in tensors.Names)
        {
            var stored = tensors.Find(name)!;
            var bytes = new byte[stored.ByteLength];
            stored.Read(0, bytes);
            _tensors[name] = new FileTensor(stored, path, file.Position);
            file.Write(bytes);
        }
    }

    public string Location { get; }

    public IReadOnlyCollection<string> Names => _tensors.Keys;

    public StoredTensor? Find(string name) => _tensors.GetValueOrDefault(name);

    sealed class FileTensor(StoredTensor like, string path, long start) : StoredTensor(like.Name, like.Type, like.Shape)
    {
        public override string File => path;

        public override long FileOffset => start;

        public override void Read(long offset, Span<byte> destination)
        {
            using var file = System.IO.File.OpenRead(path);
            file.Position = start + offset;
            file.ReadExactly(destination);
        }
    }
}
