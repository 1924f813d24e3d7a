using Earshot.Compute.Quantization;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Passes;
using static Earshot.Onnx.Tests.Graph.OnnxModelTests;

namespace Earshot.Onnx.Tests.Graph;

public sealed class HostileModelTests
{
    [Fact]
    public void A_length_over_the_end_is_refused() =>
        Refused([0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 1], "claims 2147483647 bytes and 1 are left");

    [Fact]
    public void A_number_without_end_is_refused()
    {
        Refused([0x08, .. Enumerable.Repeat((byte)0xFF, 12)], "more than ten bytes");
        Refused([0x08, 0xFF], "cut off");
    }

    [Fact]
    public void A_group_is_refused() => Refused([0x0B], "which protobuf does not have here");

    [Fact]
    public void A_model_without_a_graph_is_refused() => Refused([0x08, 10], "has no graph");

    [Fact]
    public void Text_that_is_not_utf8_is_refused() => Refused(Model(Field(2, [0xFF, 0xFE])), "not UTF-8");

    [Fact]
    public void Names_given_twice_are_refused() =>
        Refused(Model(Field(1, Node("x", "y")), Field(1, Node("x", "y")), Field(11, Field(1, "x"u8))), "'y' is given twice");

    [Fact]
    public void A_name_that_nothing_makes_is_refused() =>
        Refused(Model(Field(1, Node("nothing", "y"))), "reads 'nothing', which nothing makes");

    [Fact]
    public void Nodes_in_a_circle_are_refused()
    {
        Refused(Model(Field(1, Node("b", "a")), Field(1, Node("a", "b"))), "in a circle");
        Refused(Model(Field(1, Node("a", "a"))), "in a circle");
    }

    [Fact]
    public void A_branch_that_reads_its_own_if_is_refused()
    {
        byte[] branch = [.. Field(1, Node("y", "z")), .. Field(12, Field(1, "z"u8))];
        byte[] attribute = [.. Field(1, "then_branch"u8), .. Field(6, branch), 0xA0, 0x01, 5];
        Refused(Model(Field(1, [.. Field(2, "y"u8), .. Field(4, "If"u8), .. Field(5, attribute)])), "in a circle");
    }

    [Fact]
    public void Deep_nesting_is_refused()
    {
        byte[] graph = [];
        for (int i = 0; i < 100; i++)
        {
            byte[] attribute = [.. Field(1, "b"u8), .. LongField(6, graph)];
            graph = LongField(1, [.. Field(4, "If"u8), .. LongField(5, attribute)]);
        }
        Refused(LongField(7, graph), "nested deeper than 32");
    }

    [Fact]
    public void Dimensions_that_overflow_are_refused()
    {
        byte[] huge = [0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F];
        Refused(Model(Field(5, [.. huge, .. huge, 0x10, 1, .. Field(8, "w"u8)])), "more elements than can be counted");
        Refused(Model(Field(5, [.. huge, 0x10, 1, .. Field(8, "w"u8)])), "takes");
        Refused(Model(Field(5, [0x08, 4, 0x10, 1, .. Field(8, "w"u8), .. Field(9, new byte[15])])), "takes 16 bytes; got 15");
        Refused(Model(Field(5, [0x08, 4, 0x10, 99, .. Field(8, "w"u8)])), "unknown type 99");
    }

    [Theory]
    [InlineData("../secret")]
    [InlineData("/etc/passwd")]
    [InlineData("a/../../secret")]
    [InlineData("..\\secret")]
    [InlineData("")]
    public void External_data_outside_the_folder_is_refused(string location)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("model.onnx"), External(location));
        var error = Assert.Throws<OnnxModelException>(() => OnnxModel.Load(folder.File("model.onnx")));
        Assert.Contains("outside the model's folder", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void External_data_that_is_missing_or_short_is_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("model.onnx"), External("w.bin"));
        Assert.Contains(
            "does not exist", Assert.Throws<OnnxModelException>(() => OnnxModel.Load(folder.File("model.onnx"))).Message,
            StringComparison.Ordinal);
        File.WriteAllBytes(folder.File("w.bin"), new byte[15]);
        Assert.Contains(
            "takes 16 bytes from byte 0", Assert.Throws<OnnxModelException>(() => OnnxModel.Load(folder.File("model.onnx"))).Message,
            StringComparison.Ordinal);
        File.WriteAllBytes(folder.File("w.bin"), new byte[16]);
        Assert.Equal(4, OnnxModel.Load(folder.File("model.onnx")).Graph.Initializers[0].Initializer!.Count);
        Assert.Throws<OnnxModelException>(() => OnnxModel.Read(External("w.bin")));
    }

    [Fact]
    public void Damaged_models_are_read_or_refused_and_nothing_else()
    {
        var random = new Random(7);
        WeightFormat?[] formats = [null, WeightFormat.Int8, WeightFormat.Int8Group32, WeightFormat.Int4Group32];
        byte[][] seeds = [Branching().ToBytes(), InferenceTests.Various().ToBytes()];
        var until = Environment.TickCount64 + 1500;
        for (int round = 0; round < 20_000 && Environment.TickCount64 < until; round++)
        {
            var bytes = seeds[round % seeds.Length].ToArray();
            for (int i = random.Next(1, 6); i > 0; i--)
            {
                bytes[random.Next(bytes.Length)] = random.Next(3) == 0
                    ? (byte)random.Next(256)
                    : (byte)(bytes[random.Next(bytes.Length)] ^ (1 << random.Next(8)));
            }
            if (random.Next(8) == 0) bytes = bytes[..random.Next(bytes.Length)];
            try
            {
                var model = OnnxModel.Read(bytes);
                Assert.Equal(model.ToString(), OnnxModel.Read(model.ToBytes()).ToString());
                OptimizationPipeline.Run(model, new OptimizationOptions
                {
                    Weights = formats[round % 4],
                    QuantizesWeight = (_, weight) => weight.Count < 10_000,
                    Float16 = round % 3 == 0,
                });
                Assert.Equal(model.ToString(), OnnxModel.Read(model.ToBytes()).ToString());
            }
            catch (OnnxModelException)
            {
                // Refused, with the reason.
            }
        }
    }

    static byte[] External(string location)
    {
        byte[] entry = [.. Field(1, "location"u8), .. Field(2, System.Text.Encoding.UTF8.GetBytes(location))];
        return Model(Field(5, [0x08, 4, 0x10, 1, .. Field(8, "w"u8), .. Field(13, entry), 0x70, 1]));
    }

    static byte[] Node(string input, string output) =>
    [
        .. Field(1, System.Text.Encoding.UTF8.GetBytes(input)), .. Field(2, System.Text.Encoding.UTF8.GetBytes(output)),
        .. Field(4, "Relu"u8),
    ];

    static byte[] Model(params byte[][] graphFields) => LongField(7, [.. graphFields.SelectMany(field => field)]);

    static byte[] LongField(int number, ReadOnlySpan<byte> content) =>
        [
            (byte)(number << 3 | 2), (byte)(content.Length & 127 | 128), (byte)(content.Length >> 7 & 127 | 128),
            (byte)(content.Length >> 14), .. content,
        ];

    static void Refused(byte[] model, string reason)
    {
        var error = Assert.Throws<OnnxModelException>(() => OnnxModel.Read(model));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }
}
