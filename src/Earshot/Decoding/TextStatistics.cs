using System.IO.Compression;
using System.Text;

namespace Earshot.Decoding;

/// <summary>Two measures of text that loops.</summary>
public static class TextStatistics
{
    /// <summary>Bytes of UTF-8 over bytes of it after zlib; 0 for no text.</summary>
    public static float CompressionRatio(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var bytes = Encoding.UTF8.GetBytes(text);
        var compressed = new CountingStream();
        using (var zlib = new ZLibStream(compressed, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(bytes);
        return compressed.Length == 0 ? 0 : (float)bytes.Length / compressed.Length;
    }

    /// <summary>The entropy, in nats, of the last tokens' distribution (whisper.cpp's measure, of 32): low for text that loops.</summary>
    public static float Entropy(ReadOnlySpan<int> tokens, int last = 32)
    {
        tokens = tokens[^Math.Min(last, tokens.Length)..];
        double entropy = 0;
        for (int i = 0; i < tokens.Length; i++)
        {
            if (tokens[..i].Contains(tokens[i])) continue;
            double share = (double)tokens.Count(tokens[i]) / tokens.Length;
            entropy -= share * Math.Log(share);
        }
        return (float)entropy;
    }

    /// <summary>Counts what is written to it and keeps nothing.</summary>
    sealed class CountingStream : Stream
    {
        long _length;

        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => _length;
        public override long Position { get => _length; set => throw new NotSupportedException(); }

        public override void Flush() { }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => _length += count;

        public override void Write(ReadOnlySpan<byte> buffer) => _length += buffer.Length;
    }
}
