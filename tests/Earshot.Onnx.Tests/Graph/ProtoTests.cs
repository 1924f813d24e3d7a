using Earshot.Onnx.Graph;
using FsCheck;
using FsCheck.Fluent;

namespace Earshot.Onnx.Tests.Graph;

public sealed class ProtoTests
{
    [Fact]
    public void Numbers_come_back_as_they_were_written() => Prop.ForAll<long, float>((number, real) =>
    {
        var writer = new ProtoWriter();
        writer.Int(1, number);
        writer.Float(536_870_911, real);
        writer.PackedInts(3, [number, 0, -1, long.MaxValue]);
        var proto = new ProtoReader(Bytes(writer), "test");
        Assert.True(proto.Next());
        Assert.Equal(number, proto.Int64());
        Assert.True(proto.Next());
        Assert.Equal(536_870_911, proto.Field);
        Assert.Equal(BitConverter.SingleToInt32Bits(real), BitConverter.SingleToInt32Bits(proto.Float()));
        Assert.True(proto.Next());
        var numbers = new List<long>();
        proto.Int64s(numbers);
        Assert.Equal([number, 0, -1, long.MaxValue], numbers);
        Assert.False(proto.Next());
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Tensors_in_typed_fields_are_those_in_raw_bytes()
    {
        // float_data, int32_data (for float16 and int8), int64_data and double_data, as older exporters write.
        var floats = new ProtoWriter();
        floats.Int(1, 2);
        floats.Int(2, (long)OnnxElementType.Float32);
        floats.Float(4, 1.5f);
        floats.Float(4, -2);
        Assert.Equal([1.5f, -2], Read(floats).ToArray<float>());

        var halves = new ProtoWriter();
        halves.Int(1, 2);
        halves.Int(2, (long)OnnxElementType.Float16);
        halves.PackedInts(5, [BitConverter.HalfToUInt16Bits((Half)0.5), BitConverter.HalfToUInt16Bits((Half)(-3))]);
        Assert.Equal([(Half)0.5, (Half)(-3)], Read(halves).ToArray<Half>());

        var bytes = new ProtoWriter();
        bytes.Int(1, 2);
        bytes.Int(2, (long)OnnxElementType.Int8);
        bytes.PackedInts(5, [-5, 127]);
        Assert.Equal([(sbyte)-5, (sbyte)127], Read(bytes).ToArray<sbyte>());

        var longs = new ProtoWriter();
        longs.PackedInts(1, [1, 1]);
        longs.Int(2, (long)OnnxElementType.Int64);
        longs.Int(7, long.MinValue);
        Assert.Equal([long.MinValue], Read(longs).ToArray<long>());
    }

    [Fact]
    public void Large_payloads_are_written_where_they_belong()
    {
        var data = TensorData.Of<byte>([.. Enumerable.Range(0, 5000).Select(i => (byte)i)], 5000);
        var inner = new ProtoWriter();
        inner.Text(1, "before");
        inner.Payload(9, data);
        inner.Text(2, "after");
        var outer = new ProtoWriter();
        outer.Int(1, 7);
        outer.Message(2, inner);
        outer.Message(3, inner);
        var proto = new ProtoReader(Bytes(outer), "test");
        proto.Next();
        proto.Skip();
        for (int field = 2; field <= 3; field++)
        {
            Assert.True(proto.Next());
            var message = proto.Message("inner");
            message.Next();
            Assert.Equal("before", message.Text());
            message.Next();
            Assert.True(message.Bytes().Span.SequenceEqual(data.Bytes.Span));
            message.Next();
            Assert.Equal("after", message.Text());
        }
    }

    static TensorData Read(ProtoWriter writer) => new OnnxTensorReader(null).Read(new ProtoReader(Bytes(writer), "tensor")).Data;

    static byte[] Bytes(ProtoWriter writer)
    {
        var stream = new MemoryStream();
        writer.CopyTo(stream);
        Assert.Equal(writer.Length, stream.Length);
        return stream.ToArray();
    }
}
